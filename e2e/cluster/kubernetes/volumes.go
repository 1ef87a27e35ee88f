package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"path/filepath"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// volumeRecycler empties a local volume whose claim was deleted and offers it again. The cluster's volumes are folders
// made beforehand, and Kubernetes itself never reuses a local volume, so a few runs of the tests would use them all up.
// A volume's folder is ROOT/NODE/volumes/NAME.
func volumeRecycler() error {
	flags := flag.NewFlagSet("volume-recycler", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API")
	root := flags.String("root", "", "the folder that holds the nodes' folders")
	label := flags.String("label", "", "the label of the volumes to recycle; its value is the node")
	flags.Parse(os.Args[1:])

	client, err := clientFrom(*kubeconfig)
	if err != nil {
		return err
	}
	ctx, cancel := untilStopped()
	defer cancel()
	recycle := func(object any) {
		volume, ok := object.(*core.PersistentVolume)
		if !ok || volume.Status.Phase != core.VolumeReleased {
			return
		}
		folder := filepath.Join(*root, volume.Labels[*label], "volumes", volume.Name)
		if err := recycleVolume(ctx, client, volume, folder); err != nil {
			log.Println(volume.Name, err) // the next resync tries again
		}
	}
	selected := informers.WithTweakListOptions(func(options *meta.ListOptions) { options.LabelSelector = *label })
	shared := informers.NewSharedInformerFactoryWithOptions(client, 30*time.Second, selected)
	_, err = shared.Core().V1().PersistentVolumes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    recycle,
		UpdateFunc: func(_, now any) { recycle(now) },
	})
	if err != nil {
		return err
	}
	shared.Start(ctx.Done())
	<-ctx.Done()
	return nil
}

func recycleVolume(ctx context.Context, client *kubernetes.Clientset, volume *core.PersistentVolume, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	// The group that the last pod left behind would pass for the next one's under fsGroupChangePolicy: OnRootMismatch.
	if err := os.Chown(folder, 0, 0); err != nil {
		return err
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	// The resourceVersion refuses the patch if somebody changed the volume after we looked.
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": volume.ResourceVersion},
		"spec":     map[string]any{"claimRef": nil},
	})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().PersistentVolumes().Patch(ctx, volume.Name, types.MergePatchType, patch, meta.PatchOptions{})
	return err
}
