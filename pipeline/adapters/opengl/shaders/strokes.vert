#version 330 core
// Lines and triangles of the debug views.
uniform mat4 view_projection;
layout(location = 0) in vec3 position;  // world
layout(location = 1) in vec4 rgba;      // straight alpha
out vec4 color;

void main() {
    gl_Position = view_projection * vec4(position, 1.0);
    color = vec4(rgba.rgb * rgba.a, rgba.a);
}
