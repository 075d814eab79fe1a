#version 330 core
// Premultiplied to straight alpha.
uniform sampler2D drawn;  // unfiltered, of the same size
noperspective in vec2 screen_uv;
out vec4 straight;

void main() {
    vec4 texel = texture(drawn, screen_uv);
    straight = vec4(texel.rgb / max(texel.a, 1.0 / 255.0), texel.a);
}
