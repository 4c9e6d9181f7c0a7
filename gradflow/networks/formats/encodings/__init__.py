"""What several formats are made of: arrays, zip files, pickles and messages, read and never run."""
