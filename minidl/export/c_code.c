/* The operations in C99: an exported file holds those that it needs. Images are (channels, height,
   width) in one array; `weight` of a norm and `bias` may be NULL. */

static void linear(const real *x, real *y, int inputs, int outputs, const real *weight,
                   const real *bias) {
    for (int o = 0; o < outputs; o++) {
        real sum = bias ? bias[o] : 0;
        for (int i = 0; i < inputs; i++) sum += weight[o * inputs + i] * x[i];
        y[o] = sum;
    }
}

static void relu(real *x, int n) {
    for (int i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : 0;
}

static void leaky_relu(real *x, int n, real slope) {
    for (int i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : slope * x[i];
}

static void elu(real *x, int n, real alpha) {
    for (int i = 0; i < n; i++) x[i] = x[i] > 0 ? x[i] : alpha * EXPM1(x[i]);
}

static void softplus(real *x, int n, real beta) {
    for (int i = 0; i < n; i++)
        x[i] = ((x[i] > 0 ? beta * x[i] : 0) + LOG1P(EXP(-FABS(beta * x[i])))) / beta;
}

static void mish(real *x, int n) {
    for (int i = 0; i < n; i++)
        x[i] *= TANH((x[i] > 0 ? x[i] : 0) + LOG1P(EXP(-FABS(x[i]))));
}

static void sigmoid(real *x, int n) {
    for (int i = 0; i < n; i++) {
        real power = EXP(-FABS(x[i])); /* never overflows */
        x[i] = (x[i] >= 0 ? 1 : power) / (1 + power);
    }
}

static void tanh_(real *x, int n) {
    for (int i = 0; i < n; i++) x[i] = TANH(x[i]);
}

static void gelu(real *x, int n) {
    for (int i = 0; i < n; i++)
        x[i] = x[i] * (1 + ERF(x[i] * (real)0.70710678118654752)) / 2;
}

static void gelu_tanh(real *x, int n) {
    for (int i = 0; i < n; i++) {
        real u = (real)0.79788456080286536 * (x[i] + (real)0.044715 * x[i] * x[i] * x[i]);
        x[i] = x[i] * (1 + TANH(u)) / 2;
    }
}

static void silu(real *x, int n) {
    for (int i = 0; i < n; i++) {
        real power = EXP(-FABS(x[i]));
        x[i] = x[i] * (x[i] >= 0 ? 1 : power) / (1 + power);
    }
}

static void softmax(real *x, int rows, int columns) {
    for (int r = 0; r < rows; r++, x += columns) {
        real most = x[0], sum = 0;
        for (int i = 1; i < columns; i++) most = x[i] > most ? x[i] : most;
        for (int i = 0; i < columns; i++) sum += x[i] = EXP(x[i] - most);
        for (int i = 0; i < columns; i++) x[i] /= sum;
    }
}

static void conv2d(const real *x, real *y, int channels, int height, int width, int outputs,
                   int rows, int columns, int k0, int k1, const real *weight, const real *bias,
                   int s0, int s1, int d0, int d1, int top, int left, int groups) {
    int each = channels / groups;
    for (int o = 0; o < outputs; o++)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) {
                int first = o / (outputs / groups) * each;
                real sum = bias ? bias[o] : 0;
                for (int c = 0; c < each; c++)
                    for (int k = 0; k < k0; k++) {
                        int p = s0 * i + d0 * k - top;
                        if (p < 0 || p >= height) continue;
                        for (int l = 0; l < k1; l++) {
                            int q = s1 * j + d1 * l - left;
                            if (q < 0 || q >= width) continue;
                            sum += weight[((o * each + c) * k0 + k) * k1 + l] *
                                   x[((first + c) * height + p) * width + q];
                        }
                    }
                y[(o * rows + i) * columns + j] = sum;
            }
}

static void conv_transpose2d(const real *x, real *y, int channels, int height, int width,
                             int outputs, int rows, int columns, int k0, int k1,
                             const real *weight, const real *bias, int s0, int s1, int d0, int d1,
                             int top, int left, int groups) {
    int each = outputs / groups;
    for (int o = 0; o < outputs; o++)
        for (int i = 0; i < rows * columns; i++) y[o * rows * columns + i] = bias ? bias[o] : 0;
    for (int c = 0; c < channels; c++)
        for (int o = 0; o < each; o++)
            for (int i = 0; i < height; i++)
                for (int k = 0; k < k0; k++) {
                    int p = s0 * i + d0 * k - top;
                    if (p < 0 || p >= rows) continue;
                    for (int j = 0; j < width; j++)
                        for (int l = 0; l < k1; l++) {
                            int q = s1 * j + d1 * l - left;
                            if (q < 0 || q >= columns) continue;
                            int channel = c / (channels / groups) * each + o;
                            y[(channel * rows + p) * columns + q] +=
                                weight[((c * each + o) * k0 + k) * k1 + l] *
                                x[(c * height + i) * width + j];
                        }
                }
}

static void nearest(const real *x, real *y, int channels, int height, int width, int rows,
                    int columns, const int *row, const int *column) {
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                *y++ = x[(c * height + row[i]) * width + column[j]];
}

static void bilinear(const real *x, real *y, int channels, int height, int width, int rows,
                     int columns, const int *row, const real *row_share, const int *column,
                     const real *column_share) {
    for (int c = 0; c < channels; c++, x += height * width)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) {
                const real *a = x + row[2 * i] * width, *b = x + row[2 * i + 1] * width;
                int p = column[2 * j], q = column[2 * j + 1];
                real down = row_share[i], along = column_share[j];
                *y++ = (a[p] * (1 - down) + b[p] * down) * (1 - along) +
                       (a[q] * (1 - down) + b[q] * down) * along;
            }
}

static void max_pool2d(const real *x, real *y, int channels, int height, int width, int rows,
                       int columns, int k0, int k1, int s0, int s1, int d0, int d1, int top,
                       int left) {
    for (int c = 0; c < channels; c++, x += height * width)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) {
                real most = -INFINITY;
                for (int k = 0; k < k0; k++)
                    for (int l = 0; l < k1; l++) {
                        int p = s0 * i + d0 * k - top, q = s1 * j + d1 * l - left;
                        if (p < 0 || p >= height || q < 0 || q >= width) continue;
                        most = x[p * width + q] > most ? x[p * width + q] : most;
                    }
                *y++ = most;
            }
}

static void avg_pool2d(const real *x, real *y, int channels, int height, int width, int rows,
                       int columns, int k0, int k1, int s0, int s1, int d0, int d1, int top,
                       int left) {
    for (int c = 0; c < channels; c++, x += height * width)
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++) {
                real sum = 0;
                for (int k = 0; k < k0; k++)
                    for (int l = 0; l < k1; l++) {
                        int p = s0 * i + d0 * k - top, q = s1 * j + d1 * l - left;
                        if (p < 0 || p >= height || q < 0 || q >= width) continue;
                        sum += x[p * width + q];
                    }
                *y++ = sum / (k0 * k1);
            }
}

static void pixel_mean(const real *x, real *y, int channels, int pixels) {
    for (int c = 0; c < channels; c++, x += pixels) {
        real sum = 0;
        for (int i = 0; i < pixels; i++) sum += x[i];
        y[c] = sum / pixels;
    }
}

static void batch_norm(real *x, int channels, int pixels, const real *mean, const real *factor,
                       const real *weight, const real *bias) {
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < pixels; i++, x++)
            *x = (weight ? weight[c] : 1) * ((*x - mean[c]) * factor[c]) + (bias ? bias[c] : 0);
}

static void layer_norm(real *x, int groups, int size, real eps, const real *weight,
                       const real *bias) {
    for (int g = 0; g < groups; g++, x += size) {
        real mean = 0, variance = 0;
        for (int i = 0; i < size; i++) mean += x[i];
        mean /= size;
        for (int i = 0; i < size; i++) variance += (x[i] - mean) * (x[i] - mean);
        real factor = 1 / SQRT(variance / size + eps);
        for (int i = 0; i < size; i++)
            x[i] = (weight ? weight[i] : 1) * ((x[i] - mean) * factor) + (bias ? bias[i] : 0);
    }
}

static void rms_norm(real *x, int groups, int size, real eps, const real *weight) {
    for (int g = 0; g < groups; g++, x += size) {
        real square = 0;
        for (int i = 0; i < size; i++) square += x[i] * x[i];
        real factor = 1 / SQRT(square / size + eps);
        for (int i = 0; i < size; i++) x[i] = (weight ? weight[i] : 1) * (x[i] * factor);
    }
}

static void group_norm(real *x, int groups, int channels, int pixels, real eps,
                       const real *weight, const real *bias) {
    int size = channels * pixels;
    for (int g = 0; g < groups; g++, x += size) {
        real mean = 0, variance = 0;
        for (int i = 0; i < size; i++) mean += x[i];
        mean /= size;
        for (int i = 0; i < size; i++) variance += (x[i] - mean) * (x[i] - mean);
        real factor = 1 / SQRT(variance / size + eps);
        for (int i = 0; i < size; i++) {
            int c = g * channels + i / pixels;
            x[i] = (weight ? weight[c] : 1) * ((x[i] - mean) * factor) + (bias ? bias[c] : 0);
        }
    }
}

/* The rank of x between known quantiles, from -sqrt(3) to sqrt(3); where these are equal the
   middle. */
static double quantile(double x, int count, const double *known) {
    double rank = -1.7320508075688772, each = 2 * 1.7320508075688772 / (count - 1);
    for (int i = 0; i + 1 < count; i++) {
        double low = known[i], high = known[i + 1];
        if (high > low)
            rank += each * (x <= low ? 0 : x >= high ? 1 : (x - low) / (high - low));
        else
            rank += each * ((x >= low) + (x > low)) / 2;
    }
    return rank;
}
