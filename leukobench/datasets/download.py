"""One file from the network: goes on where it broke off, tries mirrors, and asks before much is loaded."""

import json
import shutil
import time
from pathlib import Path

import pooch
import requests

from leukobench.errors import UsageError
from leukobench.files import atomic_write

TRIES = 6  # of one address
PACE = 1.0  # seconds before the second try, twice as many before each further one
LONGEST_WAIT = 60.0  # seconds, whatever the server asks for
TIMEOUT = (15, 60)  # seconds for a connection, and without a byte
CHUNK = 2**18
pooch.get_logger().setLevel("WARNING")  # what it does is told here
ASK_FROM = 10**9  # bytes
PASSING = {408, 425, 429, 500, 502, 503, 504}


class _Again(Exception):
    """What may be better in a while."""

    def __init__(self, reason, wait=0.0):
        super().__init__(reason)
        self.wait = wait


PASSING_ERRORS = (_Again, requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


def load_file(download, folder, *, checksum=None, agree=None, progress=None):
    """Load a file from the first of its addresses that gives it.

    Parameters
    ----------
    download : Download
        Its name and addresses.
    folder : Path
        Where the file is put, and parts of it that are gone on with by the next call.
    checksum : str, optional
        What it must be, as "sha256:..." or "md5:..."; where it is there already and is that, nothing is loaded.
    agree : callable, optional
        Called as agree(bytes) before more than `ASK_FROM` are loaded; a false answer ends it.
    progress : callable, optional
        Called as progress(done, total) in bytes; the total is None where the server does not say it.

    Returns
    -------
    Path
        The whole file.

    Raises
    ------
    UsageError
        No address gives the right file; each is named with the reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reasons = []
    for url in download.urls:
        getter = _Getter(folder / f"{download.name}.part", agree, progress)
        try:
            return Path(pooch.retrieve(url, checksum, fname=download.name, path=folder, downloader=getter))
        except (requests.RequestException, ValueError) as error:  # ValueError: another checksum
            wrong = isinstance(error, ValueError) and not isinstance(error, requests.RequestException)
            reasons.append(f"{url}: {'other bytes than the checksum says' if wrong else error}")
    raise UsageError(
        f"{download.name} cannot be loaded ({'; '.join(reasons)})", "try later, or get it by hand: data add"
    )


class _Getter:
    """A downloader for pooch that goes on where it broke off."""

    def __init__(self, part, agree, progress):
        self.part, self.state = part, part.with_name(f"{part.name}.json")
        self.agree, self.progress = agree or (lambda size: True), progress or (lambda done, total: None)

    def __call__(self, url, output_file, _):
        for number in range(TRIES):
            try:
                self._go_on(url)
                break
            except PASSING_ERRORS as error:
                if number == TRIES - 1:
                    raise requests.RequestException(f"broke off {TRIES} times, last: {error}") from error
                time.sleep(min(max(PACE * 2**number, getattr(error, "wait", 0.0)), LONGEST_WAIT))
        shutil.move(self.part, output_file)
        self.state.unlink(missing_ok=True)

    def _go_on(self, url):
        known = self._known(url)
        have = self.part.stat().st_size if known else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-"} | ({"If-Range": known["mark"]} if known["mark"] else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:  # more is there than the server has
                self.part.unlink()
                raise _Again("the file has changed")
            if answer.status_code in PASSING:
                raise _Again(f"{answer.status_code} {answer.reason}", _seconds(answer.headers.get("Retry-After", "")))
            answer.raise_for_status()
            total = _total(answer)
            if answer.status_code != 206 or total != known["total"] or not have:
                have = 0
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self.part.unlink()
                raise _Again("another part than was asked for")
            self._check(url, total, have)
            mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            mark = "" if mark.startswith("W/") else mark
            atomic_write(self.state, json.dumps({"url": url, "total": total, "mark": mark}))
            self._write(answer, have, total)

    def _known(self, url):
        """What an earlier try says of the part that is there; None where nothing can be gone on with."""
        try:
            known = json.loads(self.state.read_text(encoding="utf-8"))
            return known if known["url"] == url and known["total"] and self.part.is_file() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _check(self, url, total, have):
        free = shutil.disk_usage(self.part.parent).free
        if total and total - have > free:
            raise UsageError(f"{total - have:,} bytes are needed for {url}, and {free:,} are free", "make room first")
        if total and total > ASK_FROM and not self.agree(total):
            raise UsageError(f"{url} has {total:,} bytes and was not loaded", "say --yes to load it")

    def _write(self, answer, have, total):
        with self.part.open("ab" if have else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                file.write(chunk)
                have += len(chunk)
                self.progress(have, total)
                if total is None and have > ASK_FROM and not self.agree(have):
                    raise UsageError(f"{answer.url} has more than {have:,} bytes and was not loaded", "say --yes")
        if total is not None and have != total:
            raise _Again(f"{have:,} of {total:,} bytes")


def _total(answer):
    """Bytes of the whole file, as the server says; None where it does not."""
    if answer.status_code == 206:
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    else:
        total = answer.headers.get("Content-Length", "")
    return int(total) if total.isdecimal() else None


def _seconds(text):
    return float(text) if text.isdecimal() else 0.0
