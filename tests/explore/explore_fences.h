// The light fence of gokore_pool.h as a seq_cst fence, which is what it is together with membarrier; included before it.
#define GOKORE_SEAM_LIGHT_FENCE_()      GOKORE_SEAM_FENCE_(__ATOMIC_SEQ_CST)
#define GOKORE_SEAM_MEMBARRIER_BEGIN_() true
#define GOKORE_SEAM_MEMBARRIER_()       ((void)0)
