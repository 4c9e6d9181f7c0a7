"""What is measured of a subject, each with its spread over the sequences."""
