"""libespeak-ng through ctypes: samples with the exact places of words and phonemes."""
import ctypes as C

import numpy as np

SAMPLE_RATE = 22050
WORD, PHONEME = 1, 7                      # espeak_EVENT_TYPE
RATE, PITCH, RANGE = 1, 3, 4              # espeak_PARAMETER


class _Id(C.Union):
    _fields_ = [("number", C.c_int), ("name", C.c_char_p), ("string", C.c_char * 8)]


class _Event(C.Structure):
    _fields_ = [("type", C.c_int), ("unique_identifier", C.c_uint), ("text_position", C.c_int), ("length", C.c_int),
                ("audio_position", C.c_int), ("sample", C.c_int), ("user_data", C.c_void_p), ("id", _Id)]


class Espeak:
    def __init__(self):
        self.lib = C.CDLL("libespeak-ng.so.1")
        self.lib.espeak_Initialize(2, 0, None, 1)          # 2: synchronous; 1: phoneme events
        self.chunks, self.phonemes = [], []
        prototype = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Event))
        self.callback = prototype(self._receive)           # kept: C holds the pointer
        self.lib.espeak_SetSynthCallback(self.callback)

    def _receive(self, samples, count, events):
        if samples and count > 0:
            self.chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type != 0:
            event = events[i]
            if event.type == PHONEME:
                name = bytes(event.id.string).split(b"\0")[0].decode("utf8", "replace")
                self.phonemes.append((name, event.sample, event.text_position))
            i += 1
        return 0

    def speak(self, text, voice, rate, pitch, pitch_range):
        """Int16 samples and [(phoneme, first sample, 1-based text position of its word)]; None: no such voice."""
        self.chunks, self.phonemes = [], []
        if self.lib.espeak_SetVoiceByName(voice.encode()) != 0:
            return None
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, pitch_range)):
            self.lib.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        self.lib.espeak_Synth(data, C.c_size_t(len(data) + 1), 0, 1, 0, 1, None, None)
        self.lib.espeak_Synchronize()
        return (np.concatenate(self.chunks) if self.chunks else np.zeros(0, np.int16)), self.phonemes
