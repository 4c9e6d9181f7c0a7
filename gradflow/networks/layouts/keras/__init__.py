"""The layout of Keras: its configuration, its arrays, and how they are brought together."""
