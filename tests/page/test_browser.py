"""The page as a person meets it, in a real Chromium."""

import time

import pytest

from leukobench.page import render_page
from tests.page.conftest import MARKUP, QUOTED

WIDTHS = (400, 1600)


def column(page, place):
    """Texts of a column of the ranked rows."""
    return page.locator(f'#board [data-section="inductive"] tr[data-model] > :nth-child({place})').all_inner_texts()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_opens_without_a_word_and_fits(visit, page_file, width, scheme):
    page = visit(page_file, width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_text("Phantom images.").is_visible()
    assert page.locator(".matrix").count() >= 4
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_are_sorted_by_keyboard(visit, page_file, width):
    page = visit(page_file, width)
    assert column(page, 1) == ["1", "2", "3", "4", "5"]
    head = page.locator('#board th[data-column="name"]')
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    names = column(page, 2)
    assert names == sorted(names, key=str.lower)
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, 2) == names[::-1]


@pytest.mark.parametrize("width", WIDTHS)
def test_rows_are_filtered_and_columns_hidden(visit, page_file, width):
    page = visit(page_file, width)
    rows = page.locator("#board tr[data-model]")
    page.fill("#find", "QUOTED")
    assert rows.locator("button.model").all_inner_texts() == [QUOTED]
    page.fill("#find", "no such model")
    assert "No model is called that" in page.locator("#board").inner_text()
    page.fill("#find", "")
    page.select_option("#family", "fused")
    assert rows.locator("button.model").all_inner_texts() == ["joined"]
    page.select_option("#family", "")
    before = page.locator("#board thead th").count()
    page.click("#columns summary")
    page.uncheck('#columns input[value="gap"]')
    assert page.locator("#board thead th").count() == before - 1


def test_sections_stand_apart_and_marked(visit, page_file):
    page = visit(page_file)
    assert page.locator("#board tbody").evaluate_all("all => all.map((each) => each.dataset.section)") == [
        *["inductive", "transductive", "contaminated", "control"]
    ]
    assert page.locator('#board [data-section="contaminated"] .mark').all_inner_texts() == ["contaminated"]


@pytest.mark.parametrize("width", WIDTHS)
def test_switches_change_every_figure(visit, page_file, report, width):
    page = visit(page_file, width)
    row = page.locator('#board tr:has(button:text-is("half"))')
    known = report.board.set_index("model").loc["half"]
    assert f"{known['out_of_domain']:.3f}" in row.inner_text()
    page.select_option("#metric", "mcc")
    assert f"{known['mcc']:.3f}" in row.inner_text()
    assert "Matthews' correlation" in page.locator("#answer-caption").inner_text()
    page.select_option("#metric", "balanced_accuracy")
    page.select_option("#protocol", "within")
    assert f"{known['within']:.3f}" in row.locator("td.strong").inner_text()
    page.select_option("#protocol", "pairwise")
    page.select_option("#scoring", "deployed")
    assert f"{known['deployed_out_of_domain']:.3f}" in row.locator("td.strong").inner_text()
    assert "as deployed" in page.locator("#answer-caption").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_model_opens_and_escape_closes(visit, page_file, width):
    page = visit(page_file, width)
    button = page.get_by_role("button", name=QUOTED, exact=True)
    button.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    assert panel.is_visible()
    assert panel.locator("h2").inner_text() == QUOTED
    assert MARKUP in panel.locator(".matrix").first.inner_text()
    page.keyboard.press("Escape")
    assert not panel.is_visible()
    assert page.evaluate("document.activeElement.textContent") == QUOTED


def test_tables_have_the_semantics_of_tables(visit, page_file):
    page = visit(page_file)
    table = page.get_by_role("table", name="Leaderboard: balanced accuracy, out of domain, shared classes")
    assert table.get_by_role("columnheader").count() > 6
    assert table.get_by_role("rowheader").count() >= 8


def test_page_of_17000_scored_cells_opens_within_3_seconds(visit, large, tmp_path):
    path = tmp_path / "large.html"
    path.write_text(render_page(large))
    begun = time.perf_counter()
    page = visit(path)
    page.wait_for_selector("#board tr[data-model]")
    assert time.perf_counter() - begun < 3
