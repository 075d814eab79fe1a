#version 330 core
// Premultiplied colours to palette indices, stored as index / 255.
uniform sampler2D drawn;
uniform sampler3D lookup;    // red along x, green along y, blue along z
uniform float transparent;   // the palette's transparent index / 255
uniform float threshold;     // alpha below which a pixel is transparent
out float index;

void main() {
    vec4 texel = texelFetch(drawn, ivec2(gl_FragCoord.xy), 0);
    vec3 rgb = min(texel.rgb / max(texel.a, 1.0 / 255.0), 1.0);
    index = texel.a < threshold ? transparent : texture(lookup, rgb).r;
}
