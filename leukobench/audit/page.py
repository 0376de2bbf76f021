"""The audit as a page: one file, with a picture of each cell that a finding is about."""

import base64

import cv2
from jinja2 import Environment, PackageLoader

from leukobench.audit.finding import SEVERITIES
from leukobench.files import keep_result
from leukobench.imaging.io import ImageError, read_image
from leukobench.inputs import locate

SIDE = 96  # px of a picture on the page
SHOWN = 24  # pictures of one finding
MEANS = {
    "error": "wrong, whoever looks",
    "warning": "spoils a score unless it is heeded",
    "look": "a person should look",
    "note": "good to know",
}


def write_page(path, root, findings):
    """Write the findings as one HTML file that needs no network.

    Parameters
    ----------
    path : Path
        The file to write.
    root : Path
        The data root, from which pictures are read.
    findings : sequence of Finding
        Of `leukobench.audit.audit`.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    page = Environment(loader=PackageLoader("leukobench.audit"), autoescape=True).get_template("audit.html.jinja")
    groups = [
        (severity, MEANS[severity], [(each, _pictures(root, each)) for each in findings if each.severity == severity])
        for severity in SEVERITIES
    ]
    text = page.render(root=str(root), groups=[group for group in groups if group[2]], shown=SHOWN)
    keep_result(path, text.encode())


def _pictures(root, finding):
    """Paths of a finding with their pictures as data addresses; None where a file is no picture."""
    return [(path, _thumbnail(locate(root, path))) for path in finding.files[:SHOWN]]


def _thumbnail(path):
    try:
        image = read_image(path)
    except ImageError:
        return None
    scale = SIDE / max(image.shape[:2])
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".webp", small[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 80])[1]
    return "data:image/webp;base64," + base64.b64encode(data).decode()
