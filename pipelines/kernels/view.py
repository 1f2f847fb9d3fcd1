"""A folder with links to those installed distributions that Kaggle's image holds too; nothing else can be imported.

What these need in the versions installed here belongs to them: the image's versions may need others.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from pipelines.kernels.image import in_image, plain
from pipelines.kernels.installed import needed, providers, tops_of


def make_view(folder: Path) -> list[Path]:
    """Fill a folder with links to the image's distributions as they are installed here; the folders they lie in."""
    folder.mkdir(parents=True)
    sites, visible = dict[Path, None](), shown()
    for found in metadata.distributions():
        if plain(found.name) not in visible:
            continue
        site = Path(str(found.locate_file(""))).resolve()
        sites[site] = None
        for top in tops_of(found):
            link = folder / top
            if not link.is_symlink() and (site / top).exists():
                link.symlink_to(site / top)
    return list(sites)


def shown() -> set[str]:
    """The image's distributions among those installed here, and all that they need."""
    return {*needed(plain(found.name) for found in metadata.distributions() if in_image(found.name))}


def hidden(module: str) -> str:
    """Which distribution has a module here that a kernel would lack; "" where none has."""
    holders = providers().get(module, [])
    return "" if any(in_image(holder) for holder in holders) else ", ".join(holders)
