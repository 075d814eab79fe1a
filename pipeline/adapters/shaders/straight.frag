#version 330 core
// Premultiplied to straight alpha.
uniform sampler2D drawn;
out vec4 straight;

void main() {
    vec4 texel = texelFetch(drawn, ivec2(gl_FragCoord.xy), 0);
    straight = vec4(texel.rgb / max(texel.a, 1.0 / 255.0), texel.a);
}
