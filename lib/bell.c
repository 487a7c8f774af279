#include "bell.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct vox_bell {
    pthread_mutex_t lock;
    pthread_cond_t quiet; /* ringing reached 0 */
    void (*ring)(void);   /* NULL once the consumer is gone */
    int32_t references, ringing;
    bool armed, news;
};

vox_bell_t *vox_bell_init(void (*ring)(void)) {
    if (!ring) return NULL;
    vox_bell_t *bell = calloc(1, sizeof *bell);
    if (!bell) return NULL;
    pthread_mutex_init(&bell->lock, NULL);
    pthread_cond_init(&bell->quiet, NULL);
    bell->ring = ring;
    bell->references = 1;
    return bell;
}

int32_t vox_bell_arm(vox_bell_t *bell) {
    if (!bell) return VOX_E_ARGUMENT;
    pthread_mutex_lock(&bell->lock);
    int32_t news = bell->news;
    bell->news = false;
    bell->armed = !news;
    pthread_mutex_unlock(&bell->lock);
    return news;
}

void bell_notify(vox_bell_t *bell) {
    if (!bell) return;
    pthread_mutex_lock(&bell->lock);
    void (*ring)(void) = bell->armed ? bell->ring : NULL;
    bell->news = !bell->armed;
    bell->armed = false;
    bell->ringing += ring != NULL;
    pthread_mutex_unlock(&bell->lock);
    if (!ring) return;
    ring();
    pthread_mutex_lock(&bell->lock);
    if (--bell->ringing == 0) pthread_cond_broadcast(&bell->quiet);
    pthread_mutex_unlock(&bell->lock);
}

void vox_bell_free(vox_bell_t *bell) {
    if (!bell) return;
    pthread_mutex_lock(&bell->lock);
    bell->ring = NULL;
    while (bell->ringing) pthread_cond_wait(&bell->quiet, &bell->lock);
    pthread_mutex_unlock(&bell->lock);
    bell_release(bell);
}

vox_bell_t *bell_retain(vox_bell_t *bell) {
    if (!bell) return NULL;
    pthread_mutex_lock(&bell->lock);
    bell->references++;
    pthread_mutex_unlock(&bell->lock);
    return bell;
}

void bell_release(vox_bell_t *bell) {
    if (!bell) return;
    pthread_mutex_lock(&bell->lock);
    int32_t left = --bell->references;
    pthread_mutex_unlock(&bell->lock);
    if (left) return;
    pthread_mutex_destroy(&bell->lock);
    pthread_cond_destroy(&bell->quiet);
    free(bell);
}
