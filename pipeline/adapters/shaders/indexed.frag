#version 330 core
// Premultiplied colours to palette indices, stored as index / 255.
uniform sampler2D drawn;     // unfiltered, of the same size
uniform sampler3D lookup;    // red along x, green along y, blue along z
uniform float transparent;   // the palette's transparent index / 255
uniform float threshold;     // alpha below which a pixel is transparent
noperspective in vec2 screen_uv;
out float index;

void main() {
    vec4 texel = texture(drawn, screen_uv);
    vec3 rgb = texel.rgb / max(texel.a, 1.0 / 255.0);  // the lookup clamps it
    index = texel.a < threshold ? transparent : texture(lookup, rgb).r;
}
