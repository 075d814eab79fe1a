#version 330 core
// sprite.frag for on-off transparency: what is less than half there is not drawn. All zeros blend to nothing, as `discard` would,
// but need no branch.
uniform sampler2D sprite;
in vec2 sprite_uv;
out vec4 premultiplied;

void main() {
    vec4 texel = texture(sprite, sprite_uv);
    premultiplied = texel * step(0.5, texel.a);
}
