"""The page as a person meets it, in a real Chromium."""

import numpy as np
import pytest

from leukobench.page import render_page, write_page
from leukobench.report import build_report
from leukobench.report.told import designs
from tests.page.conftest import MARKUP, QUOTED, TRUTH, answer
from tests.report.conftest import RunMaker

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
    page.uncheck('#columns input[value="rank"]')
    assert page.locator("#board thead th").count() == before - 1


@pytest.mark.parametrize("width", [800, 1100, 1600])
def test_the_board_shows_as_many_columns_as_there_is_room_for(visit, page_file, width):
    page = visit(page_file, width)
    sides = "(e) => [e.scrollWidth, e.clientWidth]"
    wide, room = page.locator("#leaderboard .scroll").first.evaluate(sides)
    assert wide <= room
    heads, said = page.locator("#board thead th"), page.locator("#columns summary")

    def more():
        return int("".join(filter(str.isdigit, said.inner_text())) or 0)

    everything = heads.count() + more()
    before = heads.count()
    page.set_viewport_size({"width": 2000, "height": 900})
    if width < 1600:
        # The page answers to a new width when it draws next.
        heads.nth(before).wait_for(state="attached")
    assert heads.count() + more() == everything
    page.click("#columns summary")
    page.uncheck('#columns input[value="rank"]')
    page.check('#columns input[value="ms_per_image"]')
    chosen = heads.count()
    assert more() + chosen == everything - 1
    page.set_viewport_size({"width": width, "height": 900})
    assert heads.count() == chosen


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


def come_near(page, section):
    """Scroll to a section, and wait for what it draws."""
    page.locator(f"#{section}").scroll_into_view_if_needed()
    page.locator(f"#{section} svg.main-svg, #{section} .matrix").first.wait_for(state="attached")


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_is_drawn_with_its_numbers_and_protocol(visit, page_file, width):
    page = visit(page_file, width)
    for section in ("sides", "cost", "ranks", "calibration"):
        if section == "cost":
            page.select_option("#price", "fit")
        come_near(page, section)
        assert page.locator(f"#{section} svg.main-svg .point").count()
        assert page.locator(f"#{section}-numbers tbody tr").count()
        assert "out of domain" in page.locator(f"#{section}-caption").inner_text().lower()
        page.select_option("#protocol", "within")
        assert "within" in page.locator(f"#{section}-caption").inner_text().lower()
        page.select_option("#protocol", "pairwise")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_intervals_follow_every_switch(visit, page_file, report):
    page = visit(page_file)
    come_near(page, "sides")
    numbers = page.locator("#sides-numbers tbody tr").first
    for protocol, metric, scoring in (
        ("pairwise", "balanced_accuracy", "shared"),
        ("pairwise", "kappa", "deployed"),
        ("within", "auroc", "shared"),
    ):
        for name, value in (("protocol", protocol), ("metric", metric), ("scoring", scoring)):
            page.select_option(f"#{name}", value)
        place = f"protocol == '{protocol}' and metric == '{metric}' and scoring == '{scoring}'"
        apart = report.by_target.query(f"{place} and way == 'mean' and side == 'difference' and test == 'alpha'")
        assert f"{apart['ci_low'].iloc[0]:.3f}".replace("-", "−") in numbers.text_content()
        known = report.intervals.query(f"{place} and model == 'half'").iloc[0]
        bar = page.locator("#board tr[data-model]").filter(has_text="half").locator("svg.interval")
        told = bar.get_attribute("aria-label").partition("interval ")[2].split(" to ")
        assert np.array(told, float) == pytest.approx(known[["ci_low", "ci_high"]].to_numpy(float), abs=0.0006)
        assert "B = 50" in page.locator("#board-caption").inner_text()


def test_variance_and_a_single_seed_are_told(visit, page_file, report):
    page = visit(page_file)
    assert report.run.suite["seeds"] == [0]
    assert page.locator("#ranks .loud").is_visible()
    known = report.components.set_index("model").loc["half", "sd_images"]
    row = page.locator("table.variance tbody tr").filter(has_text="half")
    assert f"{known:.3f}" in row.inner_text()


def test_confusion_counts_are_those_of_the_run(visit, page_file, report):
    page = visit(page_file)
    page.select_option("#confusion-model", label="half")
    come_near(page, "confusion")
    table = page.locator(".confusion").filter(has_text="Tested on alpha")
    own = report.confusion.query(
        "protocol == 'pairwise' and scoring == 'shared' and model == 'half' and test == 'alpha'"
    )
    for true, predicted in (("MO", "LY"), ("LY", "LY"), (MARKUP, "MO")):
        count = own.loc[(own["true"] == true) & (own["predicted"] == predicted), "count"].sum()
        heads = table.locator("thead th").all_inner_texts()
        row = table.locator("tbody tr").filter(has=page.get_by_role("rowheader", name=true, exact=True))
        assert row.locator("th, td").nth(heads.index(predicted)).inner_text() == str(count)


def test_design_is_told_as_the_markdown_tells_it(visit, page_file, report):
    page = visit(page_file)
    for table, known in zip(page.locator("table.design").all(), designs(report).tables, strict=True):
        assert table.locator("thead th").all_text_contents() == list(known)
        assert table.locator("tbody tr").first.locator("th, td").all_text_contents() == known.iloc[0].tolist()


def test_people_stand_below_the_models_where_they_were_asked(visit, page_file):
    page = visit(page_file)
    rows = page.locator("#answer .matrix").first.locator("tbody tr")
    assert "people" not in rows.last.inner_text()
    page.select_option("#metric", "mcc")
    assert rows.last.inner_text().split() == ["people", "–", "0.770", "–"]
    page.select_option("#scoring", "deployed")
    assert "0.660" in rows.last.inner_text()
    people = page.locator('#board [data-section="people"] tr').last
    assert people.inner_text().split()[:4] == ["people", "on", "beta", "0.660"]


def test_differential_count_of_a_model(visit, page_file, report):
    page = visit(page_file)
    page.select_option("#confusion-model", label="half")
    come_near(page, "confusion")
    table = page.locator("#confusion .matrix").filter(has_text="Differential count")
    known = report.differential.query("model == 'half' and test == 'alpha'")
    known = known.groupby("class")["absolute_error_points"].mean()
    shown = table.locator("tbody tr").first.inner_text().split()
    assert shown[1:] == [f"{known[name]:.1f}" for name in sorted(known.index)]


@pytest.mark.parametrize("width", WIDTHS)
def test_gallery_shows_mistakes_with_picture_outline_and_path(visit, page_file, report, width):
    page = visit(page_file, width)
    cards = page.locator("#mistakes .card")
    assert 0 < cards.count() <= 18
    assert cards.locator("img").evaluate_all("all => all.every((each) => each.complete && each.naturalWidth === 80)")
    assert cards.first.locator("svg path").get_attribute("d").startswith("M")
    assert f"{MARKUP}.png" in cards.first.locator(".path").inner_text()
    page.select_option("#mistakes-model", label=QUOTED)
    assert all(QUOTED in text for text in cards.all_inner_texts())
    page.select_option("#mistakes-test", label="beta")
    assert all("→ beta" in text for text in cards.all_inner_texts())
    assert cards.count() == 4
    page.uncheck("#outlines")
    assert not cards.first.locator("svg").is_visible()
    suspects = page.locator("#suspects .card")
    assert suspects.count() == 3
    assert f"labelled {MARKUP}" in suspects.first.inner_text()


def test_page_without_images_says_so(visit, report, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render_page(report))
    page = visit(path)
    assert page.locator("img").count() == 0
    assert "data root was not at hand" in page.locator("#confusion").inner_text()
    assert page.locator("#mistakes .blank").count()


def test_steps_are_drawn_without_single_severities(visit, page_file):
    page = visit(page_file)
    come_near(page, "steps")
    heads = page.locator("#steps-0-numbers th[scope=col]").evaluate_all("all => all.map((each) => each.textContent)")
    assert heads == ["model", "pairwise", MARKUP, "blur"]
    assert page.locator("#steps svg.main-svg .point").count() == 6


@pytest.mark.parametrize("protocol", ["within", "merged"])
def test_a_run_of_one_protocol_and_one_model_has_a_page(visit, tmp_path, protocol):
    folder = RunMaker(tmp_path / "run", TRUTH, ("half",), answer, protocols=(protocol,)).write()
    report = build_report(folder, replicates=20)
    page = visit(write_page(report))
    assert page.locator(".lead").first.inner_text() == report.conclusion
    assert page.locator("#board button.model").all_inner_texts() == ["half"]
    page.locator("#provenance").scroll_into_view_if_needed()
    assert "three complete models" in page.locator("#ranks-caption").inner_text()


def test_diagnosis_and_provenance_are_told_as_text(visit, page_file):
    page = visit(page_file)
    assert f"After the fact {MARKUP}" in page.locator("#diagnosis").inner_text()
    assert page.locator("#diagnosis table td").first.inner_text() == MARKUP
    assert page.locator("#provenance .datasets tbody tr").count() == 3


def test_print_draws_every_figure(visit, page_file):
    page = visit(page_file)
    page.emulate_media(media="print")
    for section in ("sides", "ranks", "calibration"):
        page.locator(f"#{section} svg.main-svg").first.wait_for(state="attached")
    assert not page.locator(".switches").is_visible()


def test_tables_have_the_semantics_of_tables(visit, page_file):
    page = visit(page_file)
    table = page.get_by_role("table", name="Leaderboard: balanced accuracy, out of domain, shared classes")
    assert table.get_by_role("columnheader").count() > 6
    assert table.get_by_role("rowheader").count() >= 8


def test_page_of_17000_scored_cells_opens_within_3_seconds(browser, large, tmp_path):
    path = tmp_path / "large.html"
    path.write_text(large)
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    # Seconds of the page's own process: what else runs on the machine of the tests does not count.
    assert 0.05 < metrics["ProcessTime"] < 3
    assert page.locator("#board tr[data-model]").count() == 34
    page.close()
