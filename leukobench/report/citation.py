"""What to cite for a run: every dataset and model in it, as BibTeX and as Markdown."""

import re

from leukobench.report.latex import latex
from leukobench.text import markdown

TITLE = "leukobench: how well white-blood-cell classifiers carry over from one laboratory to the next"
_DOI = re.compile(r"doi (10\.\S+?)[.,;)]*(?=\s|$)")
_NO_ADDRESS = re.compile(r"[{}%#\s\\]")
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")


def citations(run):
    """What a run used, as its plan says.

    Parameters
    ----------
    run : reader.Run

    Returns
    -------
    list of dict
        `key`, `title`, `note` (the publication), `licence` and `url`, of leukobench, then datasets, networks, models.
        Models that follow no publication are named without a note.
    """
    made = {each.get("provenance", {}).get("leukobench") for each in run.records} - {None}
    version = f"version {', '.join(sorted(made))}" if made else "software"
    found = [{"key": "leukobench", "title": TITLE, "note": version, "licence": "MIT", "url": ""}]
    kept = run.plan.get("credits", {})
    for kind in ("datasets", "backbones", "models"):
        named = kept.get(kind) or {name: {} for name in run.suite.get(kind, ())}
        for name, facts in named.items():
            entry = {
                "key": f"{kind[:-1]}-{name}",
                "title": (facts.get("title") or name).rstrip("."),
                "note": facts.get("note", ""),
            }
            found.append(entry | {"licence": facts.get("licence", ""), "url": facts.get("url", "")})
    return found


def as_bibtex(run):
    """`CITATION.bib`: one entry per dataset, network and model that follows a publication.

    Parameters
    ----------
    run : reader.Run

    Returns
    -------
    str
    """
    entries, keys = [], set()
    for each in citations(run):
        if not each["note"] and not each["url"]:
            continue
        key = re.sub(r"[^A-Za-z0-9]+", "-", each["key"]).strip("-")
        while key in keys:
            key += "x"
        keys.add(key)
        licence = f"licence: {each['licence']}" if each["licence"] else ""
        fields = {
            "title": f"{{{latex(each['title'])}}}",
            "note": latex("; ".join(filter(None, [each["note"], licence]))),
        }
        if doi := _DOI.search(each["note"]):
            fields["doi"] = latex(doi[1])
        if arxiv := _ARXIV.search(each["note"]):
            fields |= {"eprint": arxiv[1], "archiveprefix": "arXiv"}
        if each["url"]:
            fields["howpublished"] = rf"\url{{{_NO_ADDRESS.sub('', each['url'])}}}"
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
        entries.append(f"@misc{{{key},\n{body}}}\n")
    return "\n".join(entries)


def as_markdown(run):
    """`CITATION.md`: the same to be read, with what follows no publication.

    Parameters
    ----------
    run : reader.Run

    Returns
    -------
    str
    """
    lines = ["# To cite", "", "What this run used. `CITATION.bib` has the same for BibTeX.", ""]
    nothing = "no publication of its own" if "credits" in run.plan else "the plan of this run keeps no publication"
    for each in citations(run):
        said = [each["note"], each["url"], each["licence"] and f"licence {each['licence']}"]
        said = "; ".join(markdown(text) for text in said if text) or nothing
        lines.append(f"- **{markdown(each['key'].replace('-', ' ', 1))}**: {markdown(each['title'])}. {said}")
    return "\n".join(lines) + "\n"
