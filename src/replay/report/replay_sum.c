#include "replay/report/replay_sum.h"

#include "replay/report/replay_counters.h"

/* In the order in which they were found; what one list cannot take, the count has. */
static void add_suspects(struct suspect_report *later, struct suspect_report *before)
{
    struct suspect_report newer = *later;
    struct ft_err err = FT_ERR_INIT;

    *later = *before;
    *before = (struct suspect_report){0};
    if (suspect_add_report(later, &newer, &err) != 0)
        later->count += newer.count;
    suspect_release(&newer);
}

void replay_sum_add(struct replay_result *sum, struct replay_result *later)
{
    struct replay_result before = *sum;

    later->resumed = before.target_version != 0 ? before.resumed : later->resumed;
    replay_counters_add(later, &before);
    add_suspects(&later->suspects, &before.suspects);
    for (uint32_t i = 0; before.flow_count == later->flow_count && i < later->flow_count; i++) {
        later->flows[i].keys += before.flows[i].keys;
        later->flows[i].records += before.flows[i].records;
    }
    replay_result_release(&before);
    *sum = *later;
    *later = (struct replay_result){0};
}
