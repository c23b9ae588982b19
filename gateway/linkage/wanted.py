"""What a site's rules do beside telling people, read off the site: who may act, where cameras are and what they see."""

from __future__ import annotations

from gateway.linkage.faults import cameras_of
from gateway.linkage.wishes import Wishes
from gateway.places import Place, place_of
from gateway.site import Site


def wishes_of(site: Site) -> Wishes:
    """What the site's rules do beside telling people."""
    places = {slug: place_of(device.settings) for slug, device in site.devices.items()}
    cameras: dict[str, Place | None] = {}
    views: dict[str, frozenset[str]] = {}
    for name, source in site.sources.items():
        devices = {
            str(one.settings.address or slug): slug
            for slug, one in site.devices.items()
            if one.settings.source == name
        }
        for camera, entry in cameras_of(source).items():
            cameras[camera] = places.get(devices.get(camera, camera))
            views[camera] = frozenset(device for seen in entry.views.values() for device in seen)
    return Wishes(
        {plan.rule.id: plan.rule for plan in site.rules.plans},
        site.village.outputs,
        places,
        cameras,
        views,
    )


def picturing(site: Site) -> frozenset[str]:
    """The rules that have a camera take a picture."""
    return frozenset(plan.rule.id for plan in site.rules.plans if any(act.snapshot for act in plan.rule.act))
