"""What the hub runs on recordings: one task a file."""

from weft_audio.tasks._pitch import pitch_tracking
from weft_audio.tasks._voice_activity import voice_activity_detection

__all__ = ["pitch_tracking", "voice_activity_detection"]
