/* Training: epochs of batches in a given order, each a call of `compute` and a step of an optimizer.

   sizes: samples, samples of a batch, epochs, how many numbers of steps, arrays of data and targets, parameters, constants, outputs, trained weights,
   weights, rule (0 SGD, 1 Adam, 2 RMSprop), nesterov, the numbers of steps
   rows: the numbers in one sample of each array; places: where each parameter begins among the weights
   order: the samples of each epoch one after the other, or NULL; rates: the learning rate of each step
   settings: momentum | beta_1, beta_2, epsilon | rho, epsilon
   room: what the slots, the weights before the last step, the gradient, a batch and `compute` need, in this order
   losses: the mean loss of each epoch. The result is the number of complete epochs; where the loss of a step is no finite
   number, the weights are those of the step before. */
static void step(long rule, long n, real *restrict w, const real *restrict g, real *restrict m, real *restrict v, real rate,
                 const double *settings, long nesterov)
{
    real a = (real)settings[0], b = (real)settings[1], more = (real)settings[2];
    real rest_a = (real)(1 - settings[0]), rest_b = (real)(1 - settings[1]);
    if (rule == 0 && !a) for (long i = 0; i < n; i++) w[i] = w[i] - rate * g[i];
    if (rule == 0 && a) for (long i = 0; i < n; i++) {
        m[i] = a * m[i] - rate * g[i];
        w[i] = nesterov ? w[i] + a * m[i] - rate * g[i] : w[i] + m[i];
    }
    if (rule == 1) for (long i = 0; i < n; i++) {
        m[i] = m[i] + rest_a * (g[i] - m[i]);
        v[i] = v[i] + rest_b * (g[i] * g[i] - v[i]);
        w[i] = w[i] - rate * m[i] / (sqrt_(v[i]) + more);
    }
    if (rule == 2) for (long i = 0; i < n; i++) {
        m[i] = a * m[i] + rest_a * (g[i] * g[i]);
        w[i] = w[i] - rate * g[i] / sqrt_(m[i] + b);
    }
}

long train(const Network *net, const long *sizes, const long *rows, const long *places, const long *order, const double *rates,
           const double *settings, void *const *arrays, void *const *constants, real *weights, real *slots, real *room,
           double *losses)
{
    long samples = sizes[0], batch = sizes[1], epochs = sizes[2], count = sizes[4], parameters = sizes[5];
    long outputs = sizes[7], trained = sizes[8], all = sizes[9], rule = sizes[10], steps = 0;
    real *before = room, *gradient = before + aligned(all), *loss = gradient + aligned(all), *batches = loss + 16;
    void *given[count + parameters + sizes[6] + outputs + 1 + parameters];
    void **results = given + count + parameters + sizes[6];
    for (long p = 0; p < parameters; p++) given[count + p] = weights + places[p];
    for (long c = 0; c < sizes[6]; c++) given[count + parameters + c] = constants[c];
    for (long o = 0; o < outputs; o++) results[o] = NULL;
    results[outputs] = loss;
    for (long p = 0; p < parameters; p++) results[outputs + 1 + p] = gradient + places[p];
    real *end = batches;
    for (long k = 0; k < count; k++) end += aligned(batch * rows[k]);
    for (long epoch = 0; epoch < epochs; epoch++) {
        losses[epoch] = 0;
        for (long first = 0; first < samples; first += batch, steps++) {
            long n = samples - first < batch ? samples - first : batch;
            long lengths[1 + sizes[3]];
            lengths[0] = n;
            memcpy(lengths + 1, sizes + 12, sizes[3] * sizeof(long));
            real *to = batches;
            for (long k = 0; k < count; k++) {
                const real *from = arrays[k];
                given[k] = order ? to : (real *)from + first * rows[k];
                if (order) for (long i = 0; i < n; i++)
                    memcpy(to + i * rows[k], from + order[epoch * samples + first + i] * rows[k], rows[k] * sizeof(real));
                to += aligned(batch * rows[k]);
            }
            compute(net, lengths, given, end, 1);
            if (!(loss[0] - loss[0] == 0)) {
                if (steps) memcpy(weights, before, all * sizeof(real));
                losses[epoch] = loss[0];
                return epoch;
            }
            losses[epoch] += (double)loss[0] * n / samples;
            memcpy(before, weights, all * sizeof(real));
            step(rule, trained, weights, gradient, slots, slots + all, (real)rates[steps], settings, sizes[11]);
        }
    }
    return epochs;
}
