"""The links in the preferences lead to the manifest's website, or to the README."""

from types import SimpleNamespace

import pytest

from blender_addon.settings import links


class Row:
    """Records the buttons and their properties."""

    def __init__(self):
        self.buttons = []

    def row(self):
        return self

    def operator(self, name, text, **_looks):
        self.buttons.append((name, text, told := SimpleNamespace()))
        return told

    @property
    def drawn(self):
        return [(name, text, *vars(told).values()) for name, text, told in self.buttons]


def drawn(*folders):
    row = Row()
    links.draw(row, folders)
    return row.drawn


@pytest.mark.parametrize("address", ["https://example.org/mesh", "https://example.org/mesh/"])
def test_a_website_has_both(tmp_path, address):
    (tmp_path / "blender_manifest.toml").write_text(f'id = "x"\nwebsite = "{address}"\n')
    assert drawn(tmp_path / "none", tmp_path) == [
        ("wm.url_open", "Documentation", "https://example.org/mesh"),
        ("wm.url_open", "Report a Bug", "https://example.org/mesh/issues"),
    ]


def test_without_a_website_the_readme_is_the_documentation(tmp_path):
    (tmp_path / "blender_manifest.toml").write_text('id = "x"\n')
    assert drawn(tmp_path) == []
    (tmp_path / "README.md").touch()
    assert drawn(tmp_path) == [("wm.path_open", "Documentation", str(tmp_path / "README.md"))]


def test_ours_are_found():
    assert drawn(links.HERE, links.HERE.parent)
