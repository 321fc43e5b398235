"""Questions that audit events answer."""
