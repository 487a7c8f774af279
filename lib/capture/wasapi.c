/* Windows: shared-mode WASAPI; the outputs are recorded by loopback. */
#ifdef _WIN32
#define COBJMACROS
#define INITGUID
#include <windows.h>
#include <initguid.h>
#include <mmdeviceapi.h>
#include <audioclient.h>
#include <functiondiscoverykeys_devpkey.h>

#include <stdio.h>
#include <string.h>

#include "../os.h"
#include "capture.h"

typedef struct com_api {
    HRESULT(WINAPI *initialize)(void *reserved, DWORD model);
    void(WINAPI *uninitialize)(void);
    HRESULT(WINAPI *create)(REFCLSID kind, IUnknown *outer, DWORD context, REFIID id, void **out);
    void(WINAPI *free)(void *memory);
    HRESULT(WINAPI *clear)(PROPVARIANT *value);
} com_api;

static int32_t load(com_api *api, vox_error *e) {
    const capture_symbol symbols[] = {
        { "CoInitializeEx", &api->initialize }, { "CoUninitialize", &api->uninitialize }, { "CoCreateInstance", &api->create },
        { "CoTaskMemFree", &api->free },        { "PropVariantClear", &api->clear },
    };
    return capture_load("ole32.dll", symbols, sizeof symbols / sizeof *symbols, e);
}

/* COM on this thread, and the list of devices. */
typedef struct session {
    com_api api;
    bool initialized;
    IMMDeviceEnumerator *devices;
} session;

static void leave(session *s) {
    if (s->devices) IMMDeviceEnumerator_Release(s->devices);
    if (s->initialized) s->api.uninitialize();
}

static int32_t enter(session *s, vox_error *e) {
    *s = (session){ 0 };
    if (load(&s->api, e)) return e->code;
    s->initialized = SUCCEEDED(s->api.initialize(NULL, COINIT_MULTITHREADED));
    HRESULT result = s->api.create(&CLSID_MMDeviceEnumerator, NULL, CLSCTX_ALL, &IID_IMMDeviceEnumerator, (void **)&s->devices);
    if (SUCCEEDED(result)) return VOX_OK;
    leave(s);
    return vox_fail(e, VOX_E_UNSUPPORTED, "Windows has no audio service here (error 0x%08lx)", (unsigned long)result);
}

static void narrow(const wchar_t *wide, char *text, int32_t capacity) {
    text[0] = 0;
    if (wide && !WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, capacity, NULL, NULL)) text[capacity - 1] = 0;
}

/* ---- Devices -----------------------------------------------------------------------*/

static void get_id(const session *s, IMMDevice *device, char *id, int32_t capacity) {
    wchar_t *wide = NULL;
    IMMDevice_GetId(device, &wide);
    narrow(wide, id, capacity);
    s->api.free(wide);
}

static void get_default(const session *s, EDataFlow flow, char *id, int32_t capacity) {
    IMMDevice *device;
    id[0] = 0;
    if (FAILED(IMMDeviceEnumerator_GetDefaultAudioEndpoint(s->devices, flow, eConsole, &device))) return;
    get_id(s, device, id, capacity);
    IMMDevice_Release(device);
}

static void describe(const session *s, IMMDevice *device, capture_device *d) {
    IPropertyStore *properties;
    IAudioClient *client;
    WAVEFORMATEX *format = NULL;
    get_id(s, device, d->id, sizeof d->id);
    snprintf(d->name, sizeof d->name, "%s", d->id);
    if (SUCCEEDED(IMMDevice_OpenPropertyStore(device, STGM_READ, &properties))) {
        PROPVARIANT name = { 0 };
        if (SUCCEEDED(IPropertyStore_GetValue(properties, &PKEY_Device_FriendlyName, &name)) && name.vt == VT_LPWSTR)
            narrow(name.pwszVal, d->name, sizeof d->name);
        s->api.clear(&name);
        IPropertyStore_Release(properties);
    }
    if (FAILED(IMMDevice_Activate(device, &IID_IAudioClient, CLSCTX_ALL, NULL, (void **)&client))) return;
    if (SUCCEEDED(IAudioClient_GetMixFormat(client, &format))) {
        d->rate = (int32_t)format->nSamplesPerSec;
        d->channels = format->nChannels;
        s->api.free(format);
    }
    IAudioClient_Release(client);
}

static int32_t list_flow(const session *s, EDataFlow flow, capture_list *out, vox_error *e) {
    IMMDeviceCollection *found;
    char first[256];
    UINT n = 0;
    int32_t status = VOX_OK;
    get_default(s, flow, first, sizeof first);
    if (FAILED(IMMDeviceEnumerator_EnumAudioEndpoints(s->devices, flow, DEVICE_STATE_ACTIVE, &found))) return VOX_OK;
    IMMDeviceCollection_GetCount(found, &n);
    for (UINT i = 0; i < n && !status; i++) {
        IMMDevice *device;
        capture_device d = { .monitor = flow == eRender };
        if (FAILED(IMMDeviceCollection_Item(found, i, &device))) continue;
        describe(s, device, &d);
        IMMDevice_Release(device);
        *(d.monitor ? &d.default_monitor : &d.default_input) = !strcmp(d.id, first);
        status = capture_list_add(out, &d, e);
    }
    IMMDeviceCollection_Release(found);
    return status;
}

static int32_t list(capture_list *out, vox_error *e) {
    session s;
    int32_t status = enter(&s, e);
    if (status) return status;
    status = list_flow(&s, eCapture, out, e);
    if (!status) status = list_flow(&s, eRender, out, e);
    leave(&s);
    return status;
}

/* ---- Recording -----------------------------------------------------------------------*/

enum { TURN_MS = 10, CHECK_TURNS = 50, SILENT_AFTER_MS = 100 };
#define BUFFER_100NS 5000000 /* 0.5 s */

typedef struct recording {
    IMMDevice *device;
    IAudioClient *client;
    IAudioCaptureClient *packets;
    pcm_format format;
    bool loopback;
    double heard; /* os_seconds() up to which sound or silence was given */
    UINT64 next;  /* device position expected next */
} recording;

static bool known_format(const WAVEFORMATEX *w, pcm_format *out) {
    WORD tag = w->wFormatTag;
    if (tag == WAVE_FORMAT_EXTENSIBLE) tag = (WORD)((const WAVEFORMATEXTENSIBLE *)w)->SubFormat.Data1;
    *out = (pcm_format){ .rate = (int32_t)w->nSamplesPerSec, .channels = w->nChannels };
    if (tag == WAVE_FORMAT_IEEE_FLOAT && w->wBitsPerSample == 32) return out->sample = SAMPLE_F32, true;
    if (tag != WAVE_FORMAT_PCM) return false;
    switch (w->wBitsPerSample) {
    case 16: return out->sample = SAMPLE_S16, true;
    case 24: return out->sample = SAMPLE_S24, true;
    case 32: return out->sample = SAMPLE_S32, true;
    }
    return false;
}

static HRESULT open_device(const session *s, recording *r, const char *id) {
    wchar_t wide[256];
    WAVEFORMATEX *format = NULL;
    if (!MultiByteToWideChar(CP_UTF8, 0, id, -1, wide, 256)) return E_INVALIDARG;
    HRESULT result = IMMDeviceEnumerator_GetDevice(s->devices, wide, &r->device);
    if (SUCCEEDED(result)) result = IMMDevice_Activate(r->device, &IID_IAudioClient, CLSCTX_ALL, NULL, (void **)&r->client);
    if (SUCCEEDED(result)) result = IAudioClient_GetMixFormat(r->client, &format);
    if (SUCCEEDED(result) && !known_format(format, &r->format)) result = AUDCLNT_E_UNSUPPORTED_FORMAT;
    if (SUCCEEDED(result))
        result = IAudioClient_Initialize(r->client, AUDCLNT_SHAREMODE_SHARED, r->loopback ? AUDCLNT_STREAMFLAGS_LOOPBACK : 0, BUFFER_100NS, 0, format, NULL);
    if (SUCCEEDED(result)) result = IAudioClient_GetService(r->client, &IID_IAudioCaptureClient, (void **)&r->packets);
    if (SUCCEEDED(result)) result = IAudioClient_Start(r->client);
    s->api.free(format);
    return result;
}

static void close_device(recording *r) {
    if (r->client) IAudioClient_Stop(r->client);
    if (r->packets) IAudioCaptureClient_Release(r->packets);
    if (r->client) IAudioClient_Release(r->client);
    if (r->device) IMMDevice_Release(r->device);
}

static const char *advice(HRESULT result) {
    switch (result) {
    case E_ACCESSDENIED: return "Windows denies this program the microphone: allow it in Settings, Privacy, Microphone";
    case AUDCLNT_E_DEVICE_IN_USE: return "another program uses it exclusively: close that";
    case AUDCLNT_E_UNSUPPORTED_FORMAT: return "its sample format is unknown: set another one in the sound settings";
    }
    return "choose another device (\"voxtral devices\" lists them)";
}

/* Passes on what has come. An output that plays nothing gives nothing: silence takes its place. */
static HRESULT take(recording *r, vox_capture_t *c) {
    UINT32 n = 0;
    HRESULT result;
    while (SUCCEEDED(result = IAudioCaptureClient_GetNextPacketSize(r->packets, &n)) && n > 0) {
        BYTE *data;
        DWORD flags;
        UINT64 position = 0;
        result = IAudioCaptureClient_GetBuffer(r->packets, &data, &n, &flags, &position, NULL);
        if (FAILED(result)) return result;
        if (!r->loopback && r->next && position > r->next) capture_lose(c, (double)(position - r->next) / r->format.rate);
        r->next = position + n;
        capture_push(c, flags & AUDCLNT_BUFFERFLAGS_SILENT ? NULL : data, n);
        IAudioCaptureClient_ReleaseBuffer(r->packets, n);
        r->heard = os_seconds();
    }
    double missing = os_seconds() - r->heard;
    if (r->loopback && missing > SILENT_AFTER_MS / 1000.0) {
        capture_push(c, NULL, (int64_t)(missing * r->format.rate));
        r->heard += missing;
    }
    return result;
}

/* Whether the system's default is another device by now. */
static bool default_moved(const session *s, const recording *r, const char *id) {
    char now[256];
    get_default(s, r->loopback ? eRender : eCapture, now, sizeof now);
    return strcmp(now, id) != 0;
}

static int32_t record(vox_capture_t *c, const capture_device *device, capture_follow follow, vox_error *e) {
    session s;
    recording r = { .loopback = device->monitor };
    if (enter(&s, e)) return e->code;
    HRESULT result = open_device(&s, &r, device->id);
    int32_t status = SUCCEEDED(result) ? capture_begin(c, device, &r.format, e)
                     : vox_fail(e, VOX_E_IO, "\"%s\" cannot be recorded (error 0x%08lx): %s", device->name, (unsigned long)result, advice(result));
    r.heard = os_seconds();
    for (int32_t turn = 1; !status && !capture_wait(c, TURN_MS); turn++) {
        bool moved = follow != FOLLOW_NOTHING && turn % CHECK_TURNS == 0 && default_moved(&s, &r, device->id);
        if (moved || FAILED(take(&r, c)))
            status = vox_fail(e, VOX_E_IO, "\"%s\" has gone: connect it again, or choose another device (\"voxtral devices\" lists them)", device->name);
    }
    close_device(&r);
    leave(&s);
    return status;
}

const capture_system capture_wasapi = { .name = "wasapi", .list = list, .record = record };
#endif
