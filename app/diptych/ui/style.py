"""The style sheet. Roles are set by dynamic properties (`role="primary"`), so that widgets name meaning, not looks."""

from __future__ import annotations

from diptych.places import resources
from diptych.ui.tokens import RADIUS, Palette, Size, Space


def style_sheet(p: Palette, scale: float = 1.0) -> str:
    """The style sheet for a palette, sizes multiplied by `scale`."""

    def px(length: int) -> str:
        return f"{round(length * scale)}px"

    signs = (resources() / "icons").as_posix()
    ink = "dark" if p.dark else "light"
    return f"""
    QToolTip {{ background: {p.raised}; color: {p.text}; border: 1px solid {p.hairline}; padding: {px(Space.XS)}; }}
    QFrame[role="hairline"] {{ background: {p.hairline}; border: none; }}
    QWidget[role="raised"] {{ background: {p.raised}; }}
    QLabel[role="caption"] {{ color: {p.muted}; font-size: {px(Size.CAPTION)}; }}
    QLabel[role="muted"] {{ color: {p.muted}; }}
    QLabel[role="danger"] {{ color: {p.danger}; }}
    QLabel[role="section"] {{ font-size: {px(Size.SECTION)}; font-weight: 600; }}
    QLabel[role="title"] {{ font-size: {px(Size.TITLE)}; font-weight: 600; }}
    QLabel[side="a"] {{ color: {p.a}; }}
    QLabel[side="b"] {{ color: {p.b}; }}

    QPushButton {{ background: {p.surface}; border: 1px solid {p.hairline}; border-radius: {px(RADIUS)};
        padding: 0 {px(Space.M)}; min-height: {px(28)}; }}
    QPushButton:hover {{ background: {p.hover}; }}
    QPushButton:pressed {{ background: {p.selected}; }}
    QPushButton:focus {{ border: 1px solid {p.focus}; }}
    QPushButton:disabled {{ color: {p.faint}; background: {p.raised}; }}
    QPushButton[role="primary"] {{ background: {p.primary}; color: {p.on_primary}; border: 1px solid {p.primary};
        font-weight: 600; }}
    QPushButton[role="primary"]:hover {{ background: {p.focus}; }}
    QPushButton[role="primary"]:focus {{ border: 2px solid {p.faint}; min-height: {px(26)};
        padding: 0 {px(Space.M - 1)}; }}
    QPushButton[role="primary"]:disabled {{ background: {p.raised}; color: {p.faint}; border-color: {p.hairline}; }}
    QPushButton[role="flat"], QToolButton {{ background: transparent; border: 1px solid transparent;
        border-radius: {px(RADIUS)}; padding: 0 {px(Space.S)}; min-height: {px(26)}; }}
    QPushButton[role="flat"]:hover, QToolButton:hover {{ background: {p.hover}; }}
    QPushButton[role="flat"]:checked, QToolButton:checked {{ background: {p.selected}; font-weight: 600; }}
    QPushButton[role="flat"]:focus, QToolButton:focus {{ border: 1px solid {p.focus}; }}
    QToolButton::menu-indicator {{ image: none; width: 0; }}
    QPushButton[role="link"] {{ background: transparent; border: none; padding: 0; min-height: 0; text-align: left;
        text-decoration: underline; color: {p.text}; }}
    QPushButton[role="link"]:focus {{ background: {p.hover}; }}

    QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QSpinBox {{ background: {p.surface}; color: {p.text};
        border: 1px solid {p.hairline}; border-radius: {px(RADIUS)}; selection-background-color: {p.selected};
        selection-color: {p.text}; }}
    QPlainTextEdit[role="bare"], QPlainTextEdit[role="bare"]:focus {{ border: none; border-radius: 0; }}
    QLineEdit, QComboBox, QSpinBox {{ padding: 0 {px(Space.S)}; min-height: {px(28)}; }}
    QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus, QSpinBox:focus
        {{ border: 1px solid {p.focus}; }}
    QLineEdit:disabled {{ background: {p.raised}; color: {p.muted}; }}
    QLineEdit QToolButton {{ min-height: 0; padding: 0; border: none; background: transparent; }}
    QToolButton[role="chip"] {{ background: {p.raised}; color: {p.muted}; border: 1px solid {p.hairline};
        border-radius: {px(Space.XS)}; padding: 0 {px(Space.XS)}; min-height: {px(20)};
        font-size: {px(Size.CAPTION)}; }}
    QToolButton[role="chip"]:hover, QToolButton[role="chip"]:focus {{ color: {p.text}; border-color: {p.focus}; }}
    QLineEdit[problem="true"] {{ border: 1px solid {p.danger}; }}
    QComboBox::drop-down {{ border: none; width: {px(Space.XL)}; }}
    QComboBox::down-arrow {{ image: url("{signs}/down-{ink}.svg"); width: {px(14)}; height: {px(14)}; }}
    QDialog[role="floating"], QFrame[role="floating"] {{ border: 1px solid {p.hairline}; }}
    QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}

    QTextEdit[role="passage"], QTextEdit[role="muted-passage"] {{ background: transparent; border: none;
        padding: 0; }}
    QTextEdit[role="muted-passage"] {{ color: {p.muted}; }}

    QAbstractItemView {{ background: {p.surface}; border: none; outline: none; gridline-color: {p.hairline};
        selection-background-color: {p.selected}; selection-color: {p.text}; }}
    QAbstractItemView[role="raised"] {{ background: {p.raised}; }}
    QAbstractItemView[role="popup"], QComboBox QAbstractItemView {{ border: 1px solid {p.hairline}; }}
    QAbstractItemView[role="lines"] {{ selection-background-color: transparent; }}
    QTreeView::item {{ padding: 0 {px(Space.S)}; }}
    QHeaderView {{ background: {p.surface}; border: none; }}
    QHeaderView::section {{ background: {p.surface}; color: {p.muted}; border: none;
        border-bottom: 1px solid {p.hairline}; padding: 0 {px(Space.S)}; font-size: {px(Size.CAPTION)}; }}
    QCheckBox {{ spacing: {px(Space.S)}; }}
    QCheckBox:focus {{ outline: 1px solid {p.focus}; outline-radius: {px(RADIUS)}; }}
    QCheckBox::indicator, QAbstractItemView::indicator {{ width: {px(14)}; height: {px(14)}; background: {p.surface};
        border: 1px solid {p.muted}; border-radius: 3px; }}
    QCheckBox::indicator:checked, QAbstractItemView::indicator:checked {{ background: {p.primary};
        border-color: {p.primary}; image: url("{signs}/check-{ink}.svg"); }}
    QAbstractItemView::indicator:indeterminate {{ background: {p.muted}; border-color: {p.muted};
        image: url("{signs}/partly-{ink}.svg"); }}
    QCheckBox::indicator:disabled {{ border-color: {p.faint}; }}
    QTableCornerButton::section {{ background: {p.surface}; border: none; }}
    QMenu {{ background: {p.surface}; border: 1px solid {p.hairline}; padding: {px(Space.XS)} 0; }}
    QMenu::item {{ padding: {px(Space.XS)} {px(Space.XL)} {px(Space.XS)} {px(Space.L)}; }}
    QMenu::item:selected {{ background: {p.selected}; }}
    QMenu::item:disabled {{ color: {p.faint}; }}
    QMenu::separator {{ height: 1px; background: {p.hairline}; margin: {px(Space.XS)} 0; }}
    QMenuBar {{ background: {p.raised}; border-bottom: 1px solid {p.hairline}; }}
    QMenuBar::item {{ padding: {px(Space.XS)} {px(Space.S)}; background: transparent; }}
    QMenuBar::item:selected {{ background: {p.selected}; }}
    QProgressBar {{ background: {p.hairline}; border: none; border-radius: 2px; max-height: 4px; }}
    QProgressBar::chunk {{ background: {p.focus}; border-radius: 2px; }}
    QSlider {{ min-height: {px(20)}; }}
    QSlider::groove:horizontal {{ background: {p.hairline}; height: 2px; border-radius: 1px; }}
    QSlider::sub-page:horizontal {{ background: {p.muted}; border-radius: 1px; }}
    QSlider::handle:horizontal {{ background: {p.surface}; border: 1px solid {p.muted}; width: {px(Space.M)};
        margin: -{px(6)} 0; border-radius: {px(6)}; }}
    QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{ border-color: {p.focus}; }}
    QSplitter::handle {{ background: {p.hairline}; }}
    QSplitter::handle:horizontal {{ width: 1px; }}
    QSplitter::handle:vertical {{ height: 1px; }}
    QAbstractScrollArea::corner {{ background: transparent; border: none; }}
    QScrollBar {{ background: transparent; border: none; }}
    QScrollBar:vertical {{ width: {px(Space.M)}; }}
    QScrollBar:horizontal {{ height: {px(Space.M)}; }}
    QScrollBar::handle {{ background: {p.faint}; border-radius: 3px; margin: 3px; }}
    QScrollBar::handle:vertical {{ min-height: {px(Space.XL)}; }}
    QScrollBar::handle:horizontal {{ min-width: {px(Space.XL)}; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page
        {{ background: transparent; width: 0; height: 0; }}
    QTabBar::tab {{ background: transparent; color: {p.muted}; padding: {px(Space.XS)} {px(Space.M)};
        border-bottom: 2px solid transparent; min-height: {px(24)}; }}
    QTabBar::tab:selected {{ color: {p.text}; border-bottom: 2px solid {p.focus}; }}
    QTabBar::tab:focus {{ color: {p.text}; }}
    QTabBar::scroller {{ width: {px(2 * Space.XL)}; }}
    QToolButton#ScrollLeftButton, QToolButton#ScrollRightButton {{ padding: 0; background: {p.surface}; }}
    QTabWidget::pane {{ border: none; }}
    QScrollArea {{ border: none; background: {p.surface}; }}
    """
