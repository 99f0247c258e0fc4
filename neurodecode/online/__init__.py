"""Online decoding: from a live stream to control."""
