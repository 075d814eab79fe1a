"""File formats of AnimatedDrawings: characters, scenes, annotations, images, YAML."""
