"""Everything that an installation knows, in a file and back, or straight into another database."""

from ours.services.backup.service import Backup, Moved

__all__ = ["Backup", "Moved"]
