// Runs a CUDA kernel on the CPU, one block of one thread at a time: what the kernels use of CUDA, in plain C++.
#include <cmath>
#include <cstring>

#define __global__
#define __device__
#define __noinline__
#define __launch_bounds__(threads, blocks)
#define __shared__ static
#define __syncthreads()

struct Index {
    int x;
};
extern "C" {
Index blockIdx = {0};
}
static const Index threadIdx = {0}, blockDim = {1};

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline long long min(long long a, long long b) { return a < b ? a : b; }
static inline long long max(long long a, long long b) { return a > b ? a : b; }
static inline float min(float a, float b) { return a < b ? a : b; }
static inline float max(float a, float b) { return a > b ? a : b; }
static inline double min(double a, double b) { return a < b ? a : b; }
static inline double max(double a, double b) { return a > b ? a : b; }

template <typename T> static inline T atomicAdd(T* at, T value) {
    const T before = *at;
    *at += value;
    return before;
}
template <typename T> static inline T atomicMin(T* at, T value) {
    const T before = *at;
    if (value < before) *at = value;
    return before;
}
template <typename T> static inline T atomicMax(T* at, T value) {
    const T before = *at;
    if (value > before) *at = value;
    return before;
}

static inline double __longlong_as_double(long long bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
static inline long long __double_as_longlong(double value) {
    long long bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline float __int_as_float(int bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
