"""A visible fake of Blender's layout, so that a panel can be drawn without a window."""

from types import SimpleNamespace

import bpy


class Layout:
    """Records what is drawn: properties and operators by name, labels by their text."""

    def __init__(self, drawn):
        self.drawn = drawn

    def column(self, **_looks):
        return self

    row = box = split = column

    def separator(self):
        pass

    def template_icon(self, _icon, **_looks):
        self.drawn.append("picture")

    def label(self, text="", **_looks):
        self.drawn.append(text)

    def prop(self, owner, name, **_looks):
        assert name in owner.bl_rna.properties, name
        self.drawn.append(name)

    def prop_enum(self, owner, name, value):
        assert value in owner.bl_rna.properties[name].enum_items, value
        self.drawn.append(f"{name} {value}")

    def operator(self, name, **_looks):
        self.drawn.append(name)
        return SimpleNamespace()

    def menu(self, name, **_looks):
        assert hasattr(bpy.types, name), name
        self.drawn.append(name)

    def progress(self, text="", **_looks):
        self.drawn.append(text)


def drawn(panel):
    """Return what a panel or a menu shows now."""
    return drawn_by(panel.draw)


def drawn_by(draw):
    """Return what a function adds to a panel, a menu or a header."""
    layout = Layout([])
    draw(SimpleNamespace(layout=layout), bpy.context)
    return layout.drawn
