#version 330 core
// background.frag for on-off transparency: pixels are either opaque or discarded. Nothing is behind them to blend with.
uniform sampler2D background;  // premultiplied
noperspective in vec2 screen_uv;
out vec4 premultiplied;

void main() {
    vec4 texel = texture(background, screen_uv);
    premultiplied = texel.a < 0.5 ? vec4(0.0) : vec4(texel.rgb / texel.a, 1.0);
}
