"""The tests of DBX: each directory mirrors a part of the source or asks one question."""
