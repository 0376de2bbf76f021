"""What mkdocs shows beside the pages of `docs/`: README, results, examples, lists and the Python reference.

Links are written as they lead on a disk, where README and `docs/` are read as well. Here they become links between
pages of the site; one that leads to a file which the site does not have keeps its words alone.
"""

import ast
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import mkdocs_gen_files

import leukobench

REPOSITORY = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")
LISTS = {"lists/models.md": ("Models", ["models", "ls", "--format", "md"])}
EXAMPLES_HEAD = "# Examples\n\nEach runs as it stands, on drawn cells: `python examples/<name>.py`.\n"


def sources():
    """Site page of each Markdown file of the repository, by its path there."""
    pages = {Path(f"{name}.md"): Path(f"{name.lower()}.md") for name in ("CONTRIBUTING", "CHANGELOG")}
    pages[Path("README.md")] = Path("index.md")
    for path in sorted((REPOSITORY / "docs").glob("*.md")):
        pages[path.relative_to(REPOSITORY)] = Path(path.name)
    for path in sorted((REPOSITORY / "results").rglob("*.md")):
        pages[path.relative_to(REPOSITORY)] = path.relative_to(REPOSITORY)
    return pages


def write(page, text):
    """Add a page to the site."""
    with mkdocs_gen_files.open(page, "w") as file:
        file.write(text)


def with_links(text, source, pages):
    """The text with its links leading to pages and pictures of the site."""

    def lead(found):
        picture, words, target, part = found.groups()
        if re.match(r"\w+:", target):
            return found[0]
        path = Path(os.path.normpath(source.parent / target))
        path = path / "README.md" if (REPOSITORY / path).is_dir() else path
        if picture:
            with mkdocs_gen_files.open(path, "wb") as file:
                file.write((REPOSITORY / path).read_bytes())
        elif path not in pages:
            return words
        there = os.path.relpath(pages.get(path, path), pages[source].parent)
        return f"{picture}[{words}]({there}{part or ''})"

    return LINK.sub(lead, text)


def lists():
    """The catalogue of models, as the command prints it."""
    for page, (title, command) in LISTS.items():
        done = subprocess.run(
            [sys.executable, "-m", "leukobench", *command], capture_output=True, text=True, check=True
        )
        write(page, f"# {title}\n\n{done.stdout}")


def results(pages):
    """A page that leads to every results folder."""
    readmes = [path for path in pages if path.parts[0] == "results" and path.name == "README.md"]
    lines = [f"- [{path.parent.relative_to('results')}]({path.relative_to('results')})" for path in readmes]
    write(
        "results/index.md",
        "# Results\n\nRuns and measurements, each with its protocol and command.\n\n" + "\n".join(lines),
    )


def examples():
    """Each example's words, code and the picture that it draws when it is run."""
    parts = [EXAMPLES_HEAD]
    for path in sorted((REPOSITORY / "examples").glob("*.py")):
        code = path.read_text()
        title, _, words = ast.get_docstring(ast.parse(code)).partition("\n")
        picture = f"examples/{path.stem}.png"
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, path], cwd=folder, env=os.environ | {"MPLBACKEND": "Agg"}, check=True)
            with mkdocs_gen_files.open(picture, "wb") as file:
                file.write((Path(folder) / f"{path.stem}.png").read_bytes())
        body = code.split('"""', 2)[2].strip()
        parts.append(f"## {title}\n\n{words.strip()}\n\n![{title}]({picture})\n\n```python\n{body}\n```\n")
    write("examples.md", "\n".join(parts))


def reference():
    """A page of Python objects for each room that exports some."""
    rooms = [name for _, name, package in pkgutil.iter_modules(leukobench.__path__) if package]
    exported = {name: getattr(__import__(f"leukobench.{name}", fromlist=[name]), "__all__", ()) for name in rooms}
    index = ["# Python\n"]
    for name in filter(exported.get, rooms):
        objects = [each for each in exported[name] if not each.isupper()]
        # By the module that defines it, for a room may look its names up only when they are asked for.
        homes = [getattr(__import__(f"leukobench.{name}", fromlist=[name]), each).__module__ for each in objects]
        blocks = [f"::: {home}.{each}" for home, each in zip(homes, objects, strict=True)]
        write(f"python/{name}.md", "\n\n".join([f"# leukobench.{name}", *blocks]))
        index.append(f"- [leukobench.{name}]({name}.md): {', '.join(f'`{each}`' for each in objects)}")
    write("python/index.md", "\n".join(index))


pages = sources()
for source in pages:
    write(pages[source], with_links((REPOSITORY / source).read_text(), source, pages))
lists()
results(pages)
examples()
reference()
