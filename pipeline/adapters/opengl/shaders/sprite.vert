#version 330 core
// A figure's mesh: flat in the world, at one depth.
uniform mat4 view_projection;  // world -> clip space, y down, so that the first row read back is the top one
uniform float depth;           // world z of the whole figure
layout(location = 0) in vec2 position;  // world x, y
layout(location = 1) in vec2 uv;        // 0..1, origin at the image's top-left corner
out vec2 sprite_uv;

void main() {
    gl_Position = view_projection * vec4(position, depth, 1.0);
    sprite_uv = uv;
}
