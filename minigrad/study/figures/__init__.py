"""The page's pictures and tables, a file a picture; each draws from the records alone and names what was not run."""
