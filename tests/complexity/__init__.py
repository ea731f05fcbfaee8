"""Work on the map, counted, at several sizes: does it grow as each command documents?"""
