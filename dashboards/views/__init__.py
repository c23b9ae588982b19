"""What each page of the board shows, computed: pure functions of a :class:`~dashboards.views.scene.Scene`."""
