#version 330 core
// The drawing's outline filled with flat colors.
uniform sampler2D sprite;
in vec2 sprite_uv;
flat in vec3 paint;
out vec4 premultiplied;

void main() {
    premultiplied = vec4(paint, 1.0) * texture(sprite, sprite_uv).a;
}
