"""File formats of AnimatedDrawings: characters, scenes, annotations, pictures, YAML."""
