/* Calls the C of a network on arrays of NumPy: types, shapes and memory are checked, results are new arrays.

   plan(network, memory, compute, type, steps, fixed, outputs, given, results, keys, names, constants): see `minirnn.readings.source.c.compiled`.
   run(plan, backward, params, *arrays): (loss, gradients), or without `backward` the output; None if anything does not fit. */
#define PY_SSIZE_T_CLEAN
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <Python.h>
#include <numpy/arrayobject.h>
#include <stdlib.h>

#define AXES 8
#define LENGTHS 8 /* N and numbers of steps */
#define LONG_WORK 32768 /* bytes of memory from which on other threads may run meanwhile, */
#define MANY 64 /* and samples */

typedef struct { long which, factor, more; } Size;
typedef struct { int axes; Size sizes[AXES]; } Shape; /* axes < 0: nothing is read of it */
typedef struct {
    const void *network;
    long (*memory)(const void *, const long *);
    void (*compute)(const void *, const long *, void *const *, void *, int);
    int type, given, results, outputs, fixed, lengths;
    long steps[LENGTHS], bytes; /* from 1 on, the numbers of steps of the trace */
    Shape *shapes; /* of what is given, then of the results */
    PyObject *keys, *names, *constants;
    void *room;
} Plan;

static void forget(PyObject *capsule)
{
    Plan *plan = PyCapsule_GetPointer(capsule, "plan");
    Py_XDECREF(plan->keys), Py_XDECREF(plan->names), Py_XDECREF(plan->constants);
    free(plan->shapes), free(plan->room), free(plan);
}

static int read_shapes(PyObject *from, Shape *to)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(from); i++, to++) {
        PyObject *sizes = PyTuple_GET_ITEM(from, i);
        to->axes = -1;
        if (sizes == Py_None) continue;
        if (!PyTuple_Check(sizes) || PyTuple_GET_SIZE(sizes) > AXES) return 0;
        to->axes = (int)PyTuple_GET_SIZE(sizes);
        for (int k = 0; k < to->axes; k++) {
            Size *size = &to->sizes[k];
            if (!PyArg_ParseTuple(PyTuple_GET_ITEM(sizes, k), "lll", &size->which, &size->factor, &size->more)) return 0;
        }
    }
    return 1;
}

static PyObject *make_plan(PyObject *self, PyObject *args)
{
    unsigned long long network, memory, compute;
    PyObject *steps, *given, *results, *keys, *names, *constants;
    int type, fixed, outputs;
    if (!PyArg_ParseTuple(args, "KKKiO!iiO!O!O!O!O!", &network, &memory, &compute, &type, &PyTuple_Type, &steps, &fixed, &outputs, &PyTuple_Type, &given,
                          &PyTuple_Type, &results, &PyTuple_Type, &keys, &PyTuple_Type, &names, &PyTuple_Type, &constants))
        return NULL;
    Plan *plan = calloc(1, sizeof *plan);
    if (!plan) return PyErr_NoMemory();
    PyObject *capsule = PyCapsule_New(plan, "plan", forget);
    if (!capsule) { free(plan); return NULL; }
    plan->network = (void *)(uintptr_t)network, plan->memory = (void *)(uintptr_t)memory, plan->compute = (void *)(uintptr_t)compute;
    plan->type = type, plan->fixed = fixed, plan->outputs = outputs, plan->lengths = 1 + (int)PyTuple_GET_SIZE(steps);
    for (int k = 1; k < plan->lengths && k < LENGTHS; k++) plan->steps[k] = PyLong_AsLong(PyTuple_GET_ITEM(steps, k - 1));
    plan->given = (int)PyTuple_GET_SIZE(given), plan->results = (int)PyTuple_GET_SIZE(results);
    plan->keys = Py_NewRef(keys), plan->names = Py_NewRef(names), plan->constants = Py_NewRef(constants);
    plan->shapes = calloc(plan->given + plan->results, sizeof(Shape));
    if (plan->lengths > LENGTHS || !plan->shapes || !read_shapes(given, plan->shapes) || !read_shapes(results, plan->shapes + plan->given)) {
        Py_DECREF(capsule);
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "sizes that are no sizes");
        return NULL;
    }
    return capsule;
}

/* Where the numbers of an array are; NULL if its type or its shape does not fit. sizes are -1 as long as not known */
static void *checked(PyObject *object, int type, const Shape *shape, long *sizes)
{
    static double nothing;
    if (shape->axes < 0) return &nothing;
    if (!object || !PyArray_CheckExact(object)) return NULL;
    PyArrayObject *array = (PyArrayObject *)object;
    if (PyArray_TYPE(array) != type || !PyArray_ISCARRAY_RO(array) || PyArray_NDIM(array) != shape->axes) return NULL;
    for (int k = 0; k < shape->axes; k++) {
        const Size *size = &shape->sizes[k];
        long length = (long)PyArray_DIM(array, k);
        if (size->which) {
            long *number = &sizes[size->which - 1];
            if (*number < 0 && size->factor == 1 && size->more == 0) *number = length;
            if (*number < 0 || length != size->factor * *number + size->more) return NULL;
        } else if (length != size->more)
            return NULL;
    }
    return PyArray_DATA(array);
}

static PyObject *made(const Shape *shape, int type, const long *sizes)
{
    npy_intp lengths[AXES];
    for (int k = 0; k < shape->axes; k++) {
        const Size *size = &shape->sizes[k];
        lengths[k] = size->which ? size->factor * sizes[size->which - 1] + size->more : size->more;
    }
    return PyArray_SimpleNew(shape->axes, lengths, type);
}

static void *taken(Plan *plan, long bytes)
{
    void *room = plan->room;
    if (room && bytes <= plan->bytes) { plan->room = NULL; return room; } /* another call takes another */
    room = NULL;
    return posix_memalign(&room, 64, bytes + 64) ? NULL : room;
}

static void given_back(Plan *plan, void *room, long bytes)
{
    if (plan->room && plan->bytes >= bytes) { free(room); return; }
    free(plan->room);
    plan->room = room, plan->bytes = bytes;
}

static PyObject *run(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Plan *plan = count < 3 ? NULL : PyCapsule_GetPointer(args[0], "plan");
    if (!plan) { if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "run(plan, backward, params, *arrays)"); return NULL; }
    int backward = args[1] == Py_True, parameters = (int)PyTuple_GET_SIZE(plan->keys);
    int constants = (int)PyTuple_GET_SIZE(plan->constants), data = plan->given - parameters - constants;
    if (!PyDict_CheckExact(args[2]) || count - 3 > data) Py_RETURN_NONE;
    long sizes[LENGTHS];
    for (int k = 0; k < LENGTHS; k++) sizes[k] = plan->fixed && k && k < plan->lengths ? plan->steps[k] : -1;
    int all = plan->given + plan->results, ok = 1;
    void *pointers[all];
    PyObject *held[all]; /* of parameters and results: another thread may change the dictionary */
    memset(held, 0, sizeof held);
    for (int i = 0; i < plan->given && ok; i++) {
        PyObject *object;
        if (i < data) object = i < count - 3 ? args[3 + i] : NULL;
        else if (i < data + parameters) {
            object = held[i] = PyDict_GetItemWithError(args[2], PyTuple_GET_ITEM(plan->keys, i - data));
            Py_XINCREF(object);
        } else object = PyTuple_GET_ITEM(plan->constants, i - data - parameters);
        if (!object && i < data && !backward) { pointers[i] = NULL; continue; } /* a target */
        ok = (pointers[i] = checked(object, plan->type, &plan->shapes[i], sizes)) != NULL;
    }
    if (sizes[0] < 0) sizes[0] = 1;
    ok = ok && sizes[0] > 0;
    for (int k = 1; k < plan->lengths; k++) {
        if (sizes[k] < 0) sizes[k] = plan->steps[k];
        ok = ok && (plan->fixed ? sizes[k] == plan->steps[k] : sizes[k] >= 3);
    }
    PyObject *found = NULL, *gradients = NULL;
    if (ok && !PyErr_Occurred()) {
        long bytes = plan->memory(plan->network, sizes);
        void *room = taken(plan, bytes);
        ok = room != NULL;
        if (!ok) PyErr_NoMemory();
        for (int i = 0; i < plan->results && ok; i++) {
            pointers[plan->given + i] = NULL;
            if (backward ? i < plan->outputs : i >= plan->outputs) continue;
            PyObject *array = held[plan->given + i] = made(&plan->shapes[plan->given + i], plan->type, sizes);
            ok = array != NULL;
            if (ok) pointers[plan->given + i] = PyArray_DATA((PyArrayObject *)array);
        }
        if (ok) {
            PyThreadState *state = bytes > LONG_WORK || sizes[0] > MANY ? PyEval_SaveThread() : NULL;
            plan->compute(plan->network, sizes, pointers, room, backward);
            if (state) PyEval_RestoreThread(state);
        }
        if (room) given_back(plan, room, bytes);
        if (ok && backward) {
            int first = plan->outputs;
            PyArrayObject *loss = (PyArrayObject *)held[plan->given + first];
            PyObject *number = PyArray_ToScalar(PyArray_DATA(loss), loss);
            gradients = PyDict_New();
            for (int i = first + 1; i < plan->results && gradients; i++)
                if (PyDict_SetItem(gradients, PyTuple_GET_ITEM(plan->names, i - first - 1), held[plan->given + i]))
                    Py_CLEAR(gradients);
            found = number && gradients ? PyTuple_Pack(2, number, gradients) : NULL;
            Py_XDECREF(number), Py_XDECREF(gradients);
        } else if (ok && plan->outputs == 1)
            found = Py_NewRef(held[plan->given]);
        else if (ok && (found = PyList_New(plan->outputs)))
            for (int i = 0; i < plan->outputs; i++) PyList_SET_ITEM(found, i, Py_NewRef(held[plan->given + i]));
    } else if (!PyErr_Occurred())
        found = Py_NewRef(Py_None);
    for (int i = 0; i < all; i++) Py_XDECREF(held[i]);
    return found;
}

static PyMethodDef methods[] = {
    {"plan", make_plan, METH_VARARGS, NULL}, {"run", (PyCFunction)(void (*)(void))run, METH_FASTCALL, NULL}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "minirnn_entry", NULL, -1, methods};
PyMODINIT_FUNC PyInit_minirnn_entry(void)
{
    import_array();
    return PyModule_Create(&module);
}
