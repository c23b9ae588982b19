"""How good the detectors are on recorded clips with a truth: event by event, not picture by picture."""
