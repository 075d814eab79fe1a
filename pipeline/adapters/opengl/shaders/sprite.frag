#version 330 core
// Premultiplied texels pass as they are; the blending does the rest.
uniform sampler2D sprite;
in vec2 sprite_uv;
out vec4 premultiplied;

void main() {
    premultiplied = texture(sprite, sprite_uv);
}
