"""From a document to a page."""
