"""No test depends on the clock: hypothesis may take as long as a busy machine needs."""

from hypothesis import settings

settings.register_profile("parrot", deadline=None)
settings.load_profile("parrot")
