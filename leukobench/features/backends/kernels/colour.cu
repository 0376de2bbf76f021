// Colour: four moments of twelve channels, and percentiles of L, a, b and S.

#define CHANNELS 12
#define HUE 3
#define LIGHT 6
#define TURN 6.28318530717958647692

// R G B, H S V of one pixel; hue as the deviation from the centre in turns, zero for grey.
__device__ inline void convert_plain(int red, int green, int blue, float centre, float* v) {
    const float r = red, g = green, b = blue;
    const float high = max(r, max(g, b)), chroma = high - min(r, min(g, b));
    float sector = (r - g) / max(chroma, 1e-20f) + 4.0f;
    if (high == g) sector = (b - r) / max(chroma, 1e-20f) + 2.0f;
    if (high == r) sector = (g - b) / max(chroma, 1e-20f);
    const float d = sector / 6.0f - centre;
    v[0] = r / 255.0f;
    v[1] = g / 255.0f;
    v[2] = b / 255.0f;
    v[HUE] = chroma > 0 ? d - floorf(d + (float)(0.5 + NO_SPREAD)) : 0.0f;
    v[4] = chroma / max(high, 1e-20f);
    v[5] = high / 255.0f;
}

// L a b over 100, H E D of one pixel.
__device__ inline void convert_perceived(int red, int green, int blue, const float* tables, float* v) {
    const float *linear = tables + TABLE_LINEAR, *density = tables + TABLE_DENSITY;
    const float *xyz = tables + TABLE_XYZ, *hed = tables + TABLE_HED;
    float f[3];
    for (int k = 0; k < 3; k++) {
        const float t = xyz[3 * k] * linear[red] + xyz[3 * k + 1] * linear[green] + xyz[3 * k + 2] * linear[blue];
        f[k] = t > 0.008856f ? cbrtf(t) : 7.787f * t + 16.0f / 116.0f;
    }
    v[0] = 1.16f * f[1] - 0.16f;
    v[1] = 5.0f * (f[0] - f[1]);
    v[2] = 2.0f * (f[1] - f[2]);
    for (int k = 0; k < 3; k++) {
        const float stain = hed[k] * density[red] + hed[3 + k] * density[green] + hed[6 + k] * density[blue];
        v[3 + k] = max(stain, 0.0f);
    }
}

// All twelve channels of one pixel.
__device__ inline void convert(int red, int green, int blue, float centre, const float* tables, float* v) {
    convert_plain(red, green, blue, centre, v);
    convert_perceived(red, green, blue, tables, v + LIGHT);
}

// Hue of a colour in turns, NaN for grey.
__device__ inline double hue_of(long long r, long long g, long long b) {
    const long long high = max(r, max(g, b)), low = min(r, min(g, b));
    if (high == low) return NOT_A_NUMBER;
    const double chroma = (double)(high - low);
    double hue = (4 + (r - g) / chroma) / 6;
    if (high == g) hue = (2 + (b - r) / chroma) / 6;
    if (high == r) hue = (g - b) / chroma / 6;
    return hue - floor(hue);
}

struct ColourSums {
    long long n, red, green, blue;
    double powers[CHANNELS][4];
    double versine, sine;
};

// Standard deviation below which channel k is constant.
__device__ inline double least_spread(int k) { return k == LIGHT + 1 || k == LIGHT + 2 ? NO_CHROMA : NO_SPREAD; }

__device__ inline void write_moments(const double* sums, double n, double shift, double scale, double least,
                                     double* out) {
    const double a1 = sums[0] / n, a2 = sums[1] / n, a3 = sums[2] / n, a4 = sums[3] / n, variance = a2 - a1 * a1;
    out[0] = scale * (shift + a1);
    if (variance < least * least) {
        out[1] = 0;
        return;
    }
    out[1] = scale * sqrt(variance);
    out[2] = (a3 - 3 * a1 * a2 + 2 * a1 * a1 * a1) / (sqrt(variance) * variance);
    out[3] = (a4 - 4 * a1 * a3 + 6 * a1 * a1 * a2 - 3 * a1 * a1 * a1 * a1) / (variance * variance) - 3;
}

__device__ inline void write_hue(const ColourSums& s, double centre, double* out) {
    if (centre != centre) {
        for (int k = 0; k < 4; k++) out[k] = NOT_A_NUMBER;
        return;
    }
    const double versine = 2 * s.versine / s.n, sine = 2 * s.sine / s.n;
    if ((1 - versine) * (1 - versine) + sine * sine < NO_CHROMA * NO_CHROMA) {
        out[0] = out[1] = NOT_A_NUMBER;
        return;
    }
    const double mean = centre + atan2(sine, 1 - versine) / TURN, lost = versine * (2 - versine) - sine * sine;
    out[0] = max(mean - floor(mean + NO_SPREAD), 0.0);
    if (out[1] > 0) out[1] = sqrt(-log1p(-max(lost, 0.0))) / TURN;
}

__device__ inline void count_position(int* bins, int position) {
    position = min(max(position, 0), PERCENTILE_STEPS);
    const int node = position / PERCENTILE_PART, part = position % PERCENTILE_PART;
    atomicAdd(&bins[node], PERCENTILE_PART - part);
    atomicAdd(&bins[node + 1], part);
}

// Of the channels from L on.
__device__ inline void fill_bins(const unsigned char* p, const float* v, int* bins) {
    const double low[3] = {0.0, -128.0, -128.0}, per_unit[3] = {PERCENTILE_STEPS / 100.0, PERCENTILE_STEPS / 256.0,
                                                                  PERCENTILE_STEPS / 256.0};
    for (int k = 0; k < 3; k++) {
        count_position(bins + k * PERCENTILE_NODES, (int)floor((100.0 * v[k] - low[k]) * per_unit[k]));
    }
    const long long high = max(p[0], max(p[1], p[2])), least = min(p[0], min(p[1], p[2]));
    count_position(bins + 3 * PERCENTILE_NODES, (int)((high - least) * PERCENTILE_STEPS / max(high, 1LL)));
}

__device__ inline void read_percentiles(const int* bins, long long n, double* out) {
    const double percents[5] = {0.1, 0.25, 0.5, 0.75, 0.9}, low[4] = {0.0, -128.0, -128.0, 0.0};
    const double step[4] = {100.0, 256.0, 256.0, 1.0};
    THREADS_OVER(k, 4) {
        const int* counts = bins + k * PERCENTILE_NODES;
        int node = 0;
        long long below = 0;
        for (int p = 0; p < 5; p++) {
            const double rank = percents[p] * n * PERCENTILE_PART;
            while (below + counts[node] < rank) below += counts[node++];
            const double position = node - 0.5 + (rank - below) / counts[node];
            out[5 * k + p] = low[k] + position * step[k] * PERCENTILE_PART / PERCENTILE_STEPS;
        }
    }
}

// The first four powers of six channels about a shift. Twelve at once would take so many registers that a
// multiprocessor had room for one block alone.
__device__ inline void add_powers(const float* v, const float* shift, double (*powers)[4]) {
    for (int k = 0; k < LIGHT; k++) {
        const double d = (double)v[k] - shift[k], square = d * d;  // the mean colour may lie far from the values
        powers[k][0] += d;
        powers[k][1] += square;
        powers[k][2] += square * d;
        powers[k][3] += square * square;
    }
}

__device__ inline void sum_powers(double (*powers)[4], double (*sums)[4]) {
    for (int k = 0; k < LIGHT; k++) {
        for (int j = 0; j < 4; j++) block_add(&sums[k][j], powers[k][j]);
    }
}

__device__ __noinline__ void plain_powers(const Cell& cell, int region, float centre, const float* shift, ColourSums* s) {
    float v[LIGHT];
    double powers[LIGHT][4] = {{0}}, versine = 0, sine = 0;
    THREADS_OVER(i, cell.height * cell.width) {
        if (!belongs(cell.labels[i], region)) continue;
        const unsigned char* p = cell.pixels + 3 * i;
        convert_plain(p[0], p[1], p[2], centre, v);
        add_powers(v, shift, powers);
        const float half = v[HUE] * (float)(TURN / 2), up = sinf(half);
        versine += up * up;
        sine += up * cosf(half);
    }
    sum_powers(powers, s->powers);
    block_add(&s->versine, versine);
    block_add(&s->sine, sine);
}

__device__ __noinline__ void perceived_powers(const Cell& cell, int region, const float* shift, ColourSums* s) {
    float v[LIGHT];
    double powers[LIGHT][4] = {{0}};
    THREADS_OVER(i, cell.height * cell.width) {
        if (!belongs(cell.labels[i], region)) continue;
        const unsigned char* p = cell.pixels + 3 * i;
        convert_perceived(p[0], p[1], p[2], cell.tables, v);
        add_powers(v, shift, powers);
    }
    sum_powers(powers, s->powers + LIGHT);
}

// Moments of one region.
__device__ __noinline__ void colour_of(const Cell& cell, int region, ColourSums* s, double* out) {
    const int size = cell.height * cell.width;
    fill((long long*)s, sizeof(ColourSums) / sizeof(long long), 0LL);
    fill(out, 4 * CHANNELS, NOT_A_NUMBER);
    long long totals[4] = {0};
    THREADS_OVER(i, size) {
        if (!belongs(cell.labels[i], region)) continue;
        totals[0]++;
        for (int k = 0; k < 3; k++) totals[k + 1] += cell.pixels[3 * i + k];
    }
    for (int k = 0; k < 4; k++) block_add(&s->n + k, totals[k]);
    __syncthreads();
    if (s->n == 0) return;
    const double centre = hue_of(s->red, s->green, s->blue);
    const float cut = centre == centre ? (float)centre : 0.0f;
    float shift[CHANNELS];  // the values of the mean colour: near the means, the same in all threads
    const long long n = s->n, round = n / 2;
    convert((int)((s->red + round) / n), (int)((s->green + round) / n), (int)((s->blue + round) / n), cut, cell.tables,
            shift);
    plain_powers(cell, region, cut, shift, s);
    perceived_powers(cell, region, shift + LIGHT, s);
    __syncthreads();
    THREADS_OVER(k, CHANNELS) {
        const double scale = k >= LIGHT && k < LIGHT + 3 ? 100.0 : 1.0;
        write_moments(s->powers[k], (double)n, shift[k], scale, least_spread(k), out + 4 * k);
        if (k == HUE) write_hue(*s, centre, out + 4 * k);
    }
    __syncthreads();
}

KERNEL_BESIDE(3, colour) {
    const Cell cell = THIS_CELL;
    __shared__ ColourSums sums;
    colour_of(cell, NUCLEUS, &sums, cell.out);
    __syncthreads();
    colour_of(cell, CYTOPLASM, &sums, cell.out + 4 * CHANNELS);
}

KERNEL_BESIDE(3, background) {
    const Cell cell = THIS_CELL;
    __shared__ ColourSums sums;
    colour_of(cell, BACKGROUND, &sums, cell.out);
}

// Percentiles of L, a, b and S of one region.
__device__ __noinline__ void percentiles_of(const Cell& cell, int region, int* area, int* bins, double* out) {
    if (threadIdx.x == 0) *area = 0;
    fill(out, 20, NOT_A_NUMBER);
    fill(bins, 4 * PERCENTILE_NODES, 0);
    float v[LIGHT];
    int n = 0;
    THREADS_OVER(i, cell.height * cell.width) {
        if (!belongs(cell.labels[i], region)) continue;
        const unsigned char* p = cell.pixels + 3 * i;
        convert_perceived(p[0], p[1], p[2], cell.tables, v);
        fill_bins(p, v, bins);
        n++;
    }
    atomicAdd(area, n);
    __syncthreads();
    if (*area) read_percentiles(bins, *area, out);
    __syncthreads();
}

KERNEL(percentiles) {
    const Cell cell = THIS_CELL;
    __shared__ int bins[4 * PERCENTILE_NODES], area;
    percentiles_of(cell, NUCLEUS, &area, bins, cell.out);
    percentiles_of(cell, CYTOPLASM, &area, bins, cell.out + 20);
}
