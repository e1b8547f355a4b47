"""What changes in a clip: where it stops to count, for networks and for pictures, and such a picture."""

import numpy as np

FAR = 3.0  # standard deviations of all changes of a clip, beyond which all is alike
STILL = 0.01  # grey levels; a clip that changes less does not move


def changed_picture(frames: np.ndarray, number: int) -> np.ndarray:
    """
    Frame `number` of a window uint8 (T, H, W, 3) as a network of `moving` sees it (ukdlib.learning.augment.changes,
    without torch): uint8 (H, W, 3), 127 where nothing changes, 0 and 255 FAR standard deviations from it.
    """
    changed = frames - frames.mean(axis=0, dtype=np.float32)
    spread = max(float(np.sqrt(np.square(changed).mean())), STILL)
    return (127.5 + 127.5 * np.clip(changed[number] / (FAR * spread), -1, 1)).astype(np.uint8)
