#version 330 core
// painted.frag for on-off transparency: what is less than half there is not drawn.
uniform sampler2D sprite;
in vec2 sprite_uv;
flat in vec3 paint;
out vec4 premultiplied;

void main() {
    float alpha = texture(sprite, sprite_uv).a;
    premultiplied = vec4(paint, 1.0) * alpha * step(0.5, alpha);
}
