"""Mixed precision: products in half precision, losses in float32, gradients kept in range."""

from weft.amp._autocast import autocast, custom_bwd, custom_fwd, is_autocast_available
from weft.amp._scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
