"""What laboratories call cell types, in eight languages and the codes of all sources."""

import pytest

from leukobench.datasets import CELL_TYPES, DATASETS
from leukobench.datasets.terms import WORDS, cell_type, find_column, guess

NAMES = {
    "NE": "Neutrophile|Polynucléaires neutrophiles|Neutrófilos|Neutrofili|Nötrofiller|中性粒细胞|neut|PNN",
    "SNE": "Segmentkernige|Neutrophiles segmentés|Neutrófilos segmentados|Neutrofili segmentati|分叶核中性粒细胞|NGS",
    "BNE": "Stabkernige Neutrophile|Bands|Cayados|Bastonetes|Çomak nötrofil|中性杆状核粒细胞|NGB",
    "EO": "eosinophile Granulozyten|Éosinophiles|Eosinófilo|Eozinofil|嗜酸性粒细胞|eosi",
    "BA": "Basophile|Basofili|Basófilos|Bazofiller|嗜碱性粒细胞|Baso",
    "LY": "Lymphozyten|Lymphocytes|Linfocitos|Linfociti|Lenfositler|淋巴细胞|lymp|LYT",
    "LYA": "Atypische Lymphozyten|Lymphocytes atypiques|linfocitos reactivos|Atipik lenfosit|异型淋巴细胞",
    "MO": "Monozyten|Monocytes|Monocitos|Monociti|MONOSİTLER|单核细胞|mono",
    "IG": "Unreife Granulozyten|Granulocytes immatures|Granulocitos inmaduros|幼稚粒细胞",
    "MMY": "Metamyelozyten|Jugendliche|Métamyélocytes|Metamielocitos|晚幼粒细胞|MMZ",
    "MY": "Myelozyten|Myélocytes|Mielociti|Miyelosit|中幼粒细胞|MYB",
    "PMY": "Promyelozyten|Promyélocytes|Promielocitos|早幼粒细胞|PMO",
    "MYO": "Myeloblasten|Myéloblastes|Mieloblastos|原始粒细胞|MYO",
    "ERB": "Erythroblasten|Normoblasten|Érythroblastes|Eritroblastos|NRBC|有核红细胞|EBO",
    "PLT": "Thrombozyten|Blutplättchen|Blutplaettchen|Plaquettes|Plaquetas|Piastrine|Trombositler|血小板",
    "KSC": "Gumprechtsche Kernschatten|Smudge cells|Ombres de Gumprecht|涂抹细胞",
}


@pytest.mark.parametrize("code", NAMES)
def test_names_in_many_languages(code):
    assert {name: cell_type(name) for name in NAMES[code].split("|")} == dict.fromkeys(NAMES[code].split("|"), code)


def test_codes_of_all_sources_mean_what_their_cards_say():
    for source in DATASETS.values():
        labels = {label: code for label, code in source.card.labels.items() if not label.isdecimal()}
        assert {label: cell_type(label) for label in labels} == labels, source.card.name


@pytest.mark.parametrize(
    "name", ["", "1", "debris", "segmented", "Lymphozyten und Monozyten", "no lymphocytes", "mixt"]
)
def test_what_is_no_cell_type(name):
    assert cell_type(name) is None
    assert guess(name) is None


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("01_Lymphozyten (fertig)", "LY"),
        ("band neutrophil 3", "BNE"),
        ("嗜酸性粒细胞图", "EO"),
        ("非典型淋巴细胞2", "LYA"),
        ("basophilic erythroblast", "ERB"),
        ("eosinophile Myelozyten", None),
        ("Promyelozyten, Myelozyten", None),
    ],
)
def test_guesses(name, code):
    assert cell_type(name) is None
    assert guess(name) == code


def test_the_table_names_what_there_is_and_nothing_twice():
    assert set(WORDS["terms"]) == set(CELL_TYPES)
    owners = {}
    for code, texts in WORDS["terms"].items():
        for text in texts:
            assert cell_type(text) == code, text
            assert owners.setdefault(frozenset(text.split()), code) == code, text


def test_heads_of_columns():
    heads = ["Datei", "Klasse", "Objektträger", "µm/px"]
    assert [find_column(name, heads) for name in ("path", "label", "group", "um_per_px")] == [0, 1, 2, 3]
