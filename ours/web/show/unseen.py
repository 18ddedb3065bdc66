"""Where callers' words are drawn, what draws nothing is drawn as a mark."""

from ours.core.unseen import readable, visible
from ours.web.show.door import blueprint

blueprint.add_app_template_filter(visible)
blueprint.add_app_template_filter(readable)
