"""The small parts every page draws: icons, states, needs; each of few forms, so made once."""

from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
DECORATION = SafeString('aria-hidden="true"')


@register.simple_tag
@lru_cache(maxsize=512)
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """One icon of the sprite.

    Args:
        name: the symbol's id in ``static/img/icons.svg``.
        size: "", "small" or "large".
        label: what it says to a screen reader; empty where words stand beside it.
    """
    said = format_html('role="img" aria-label="{}"', label) if label else DECORATION
    return format_html(
        '<svg class="icon{}" {}><use href="{}#{}"></use></svg>',
        f" icon-{size}" if size else "",
        said,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
@lru_cache(maxsize=512)
def status(code: str, label: str) -> SafeString:
    """A state as hue, icon and word; ``code`` is the state's value, ``label`` its word."""
    return format_html(
        '<span class="status status-{}">{}<span class="status-word">{}</span></span>',
        code,
        icon(f"status-{code}"),
        label,
    )


@register.simple_tag
@lru_cache(maxsize=512)
def need(code: str, label: str) -> SafeString:
    """A communication need as an icon that says its name."""
    return format_html('<span class="need" title="{}">{}</span>', label, icon(code, label=label))
