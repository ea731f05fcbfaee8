"""The journal as others read it: the effects of every write, replayable anywhere."""
